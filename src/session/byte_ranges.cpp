#include "session/byte_ranges.hpp"

#include <algorithm>
#include <iterator>

namespace mydht::detail {

void byte_ranges::add(byte_range what) {
    if (what.begin >= what.end) return;
    // Those that overlap or touch the new one become part of it.
    auto at = ranges_.upper_bound(what.begin);
    if (at != ranges_.begin() && std::prev(at)->second >= what.begin) {
        --at;
        what.begin = at->first;
    }
    while (at != ranges_.end() && at->first <= what.end) {
        what.end = std::max(what.end, at->second);
        at = ranges_.erase(at);
    }
    ranges_.emplace_hint(at, what.begin, what.end);
}

void byte_ranges::add_without(byte_range what, const byte_ranges& but) {
    auto at = but.ranges_.upper_bound(what.begin);
    if (at != but.ranges_.begin()) --at;
    for (; at != but.ranges_.end() && at->first < what.end; ++at) {
        if (at->second <= what.begin) continue;
        add({what.begin, at->first});
        what.begin = at->second;
    }
    add(what);
}

void byte_ranges::remove(byte_range what) {
    if (what.begin >= what.end) return;
    auto at = ranges_.upper_bound(what.begin);
    if (at != ranges_.begin() && std::prev(at)->second > what.begin) --at;
    while (at != ranges_.end() && at->first < what.end) {
        const byte_range had{at->first, at->second};
        at = ranges_.erase(at);
        if (had.begin < what.begin) ranges_.emplace_hint(at, had.begin, what.begin);
        if (had.end > what.end) {
            ranges_.emplace_hint(at, what.end, had.end);
            return;
        }
    }
}

std::vector<byte_range> byte_ranges::all() const {
    std::vector<byte_range> out;
    for (const auto& [begin, end] : ranges_) out.push_back({begin, end});
    return out;
}

bool byte_ranges::contains(std::uint64_t offset) const noexcept {
    const auto after = ranges_.upper_bound(offset);
    return after != ranges_.begin() && offset < std::prev(after)->second;
}

}  // namespace mydht::detail
