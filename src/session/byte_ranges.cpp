#include "session/byte_ranges.hpp"

#include <algorithm>

namespace mydht::detail {

void byte_ranges::add(byte_range what) {
    if (what.begin >= what.end) return;
    // Those that overlap or touch the new one become part of it.
    const auto first = std::ranges::find_if(ranges_, [&](const byte_range& r) { return r.end >= what.begin; });
    auto last = first;
    for (; last != ranges_.end() && last->begin <= what.end; ++last) {
        what.begin = std::min(what.begin, last->begin);
        what.end = std::max(what.end, last->end);
    }
    if (first == last) {
        ranges_.insert(first, what);
        return;
    }
    *first = what;
    ranges_.erase(first + 1, last);
}

void byte_ranges::remove(byte_range what) {
    if (what.begin >= what.end) return;
    auto it = std::ranges::find_if(ranges_, [&](const byte_range& r) { return r.end > what.begin; });
    while (it != ranges_.end() && it->begin < what.end) {
        const auto had = *it;
        if (had.begin < what.begin && had.end > what.end) {
            it->end = what.begin;
            ranges_.insert(it + 1, {what.end, had.end});
            return;
        }
        if (had.begin < what.begin) {
            it->end = what.begin;
            ++it;
        } else if (had.end > what.end) {
            it->begin = what.end;
            return;
        } else {
            it = ranges_.erase(it);
        }
    }
}

bool byte_ranges::contains(std::uint64_t offset) const noexcept {
    return std::ranges::any_of(ranges_, [&](const byte_range& r) { return r.begin <= offset && offset < r.end; });
}

}  // namespace mydht::detail
