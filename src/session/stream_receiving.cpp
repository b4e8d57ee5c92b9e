#include "session/stream_receiving.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace mydht::detail {

namespace {

std::uint64_t end_of(const std::pair<const std::uint64_t, bytes>& piece) { return piece.first + piece.second.size(); }

}  // namespace

result<std::uint64_t> stream_receiving::take(std::uint64_t offset, bytes_view data) {
    if (offset > wire::stream_bytes_max) return failure(errc::protocol_violation);
    const auto end = offset + data.size();
    if (end > advertised_ || (total_ && end > *total_)) return failure(errc::protocol_violation);
    const auto grown = end - std::min(end, highest_);
    if (!discarding_) {
        if (auto kept = keep(offset, data); !kept) return failure(kept.error());
    }
    highest_ += grown;
    if (discarding_) consumed_ = highest_;
    return grown;
}

result<std::uint64_t> stream_receiving::end(std::uint64_t total) {
    if (total > advertised_ || (total_ ? total != *total_ : total < highest_)) return failure(errc::protocol_violation);
    total_ = total;
    const auto grown = total - std::min(total, highest_);
    highest_ += grown;
    if (discarding_) consumed_ = highest_;
    return grown;
}

result<void> stream_receiving::keep(std::uint64_t offset, bytes_view data) {
    const auto next = ready_.end();
    if (offset > next) return keep_apart(offset, data);
    const auto known = next - offset;
    if (known >= data.size()) return {};
    ready_.append(data.subspan(static_cast<std::size_t>(known)));
    join();
    return {};
}

result<void> stream_receiving::keep_apart(std::uint64_t offset, bytes_view data) {
    const auto end = offset + data.size();
    auto after = apart_.upper_bound(offset);
    for (;;) {
        // Each turn fills what is missing between two pieces.
        if (after != apart_.begin()) offset = std::max(offset, end_of(*std::prev(after)));
        if (offset >= end) return {};
        const auto until = after == apart_.end() ? end : std::min(end, after->first);
        const auto rest = data.last(static_cast<std::size_t>(end - offset));
        const auto part = rest.first(static_cast<std::size_t>(until - offset));
        if (!part.empty()) {
            if (auto kept = keep_piece(after, offset, part); !kept) return kept;
        }
        offset = until;
        if (after != apart_.end()) ++after;
    }
}

result<void> stream_receiving::keep_piece(pieces::iterator after, std::uint64_t offset, bytes_view data) {
    // Only at the end of the piece before: to join the one behind would copy it, again and again for a peer that sends
    // backwards.
    if (after != apart_.begin() && end_of(*std::prev(after)) == offset) {
        auto& before = std::prev(after)->second;
        before.insert(before.end(), data.begin(), data.end());
        return {};
    }
    if (apart_.size() >= pieces_max) return failure(errc::protocol_violation);
    apart_.emplace_hint(after, offset, to_bytes(data));
    return {};
}

void stream_receiving::join() {
    while (!apart_.empty() && apart_.begin()->first <= ready_.end()) {
        const auto& [begin, piece] = *apart_.begin();
        const auto known = ready_.end() - begin;
        if (known < piece.size()) ready_.append(bytes_view(piece).subspan(static_cast<std::size_t>(known)));
        apart_.erase(apart_.begin());
    }
}

std::size_t stream_receiving::read(bytes_span into) noexcept {
    const auto count = ready_.read(into);
    consumed_ += count;
    return count;
}

std::uint64_t stream_receiving::discard() noexcept {
    discarding_ = true;
    ready_.clear();
    apart_.clear();
    const auto freed = highest_ - consumed_;
    consumed_ = highest_;
    return freed;
}

bool stream_receiving::window_due() const noexcept {
    return !total_ && !discarding_ && advertised_ - consumed_ <= window_ / 2;
}

std::uint64_t stream_receiving::next_window() noexcept {
    // A peer that fills the window while the application keeps up would be held back by it.
    if (window_due()) window_ = std::min(window_ * 2, std::max(window_max_, window_));
    advertised_ = std::max(advertised_, consumed_ + window_);
    return advertised_;
}

std::size_t stream_receiving::memory() const noexcept {
    constexpr std::size_t node_bytes = 64;
    std::size_t out = ready_.memory();
    for (const auto& [begin, piece] : apart_) out += node_bytes + piece.capacity();
    return out;
}

}  // namespace mydht::detail
