#include "session/stream_receiving.hpp"

#include <algorithm>

namespace mydht::detail {

bool stream_receiving::allows(std::uint64_t offset, std::size_t size) const noexcept {
    if (offset > wire::stream_bytes_max) return false;
    return offset + size <= (total_ ? std::min(*total_, advertised_) : advertised_);
}

result<std::uint64_t> stream_receiving::take(std::uint64_t offset, bytes_view data) {
    if (!allows(offset, data.size())) return failure(errc::protocol_violation);
    const auto end = offset + data.size();
    const auto grown = end - std::min(end, highest_);
    if (!discarding_) keep(offset, data);
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

void stream_receiving::keep(std::uint64_t offset, bytes_view data) {
    const auto next = ready_.end();
    if (offset > next) return apart_.put(offset, data);
    const auto known = next - offset;
    if (known >= data.size()) return;
    ready_.append(data.subspan(static_cast<std::size_t>(known)));
    apart_.move_to(ready_);
}

std::size_t stream_receiving::cost(std::uint64_t offset, std::size_t size) const noexcept {
    if (discarding_) return 0;
    const auto next = ready_.end();
    if (offset > next) return apart_.cost(offset, size);
    return next - offset >= size ? 0 : ready_.cost(size - static_cast<std::size_t>(next - offset));
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

std::uint64_t stream_receiving::next_window(bool may_grow) noexcept {
    // A peer that fills the window while the application keeps up would be held back by it.
    if (window_due() && may_grow) window_ = std::min(window_ * 2, std::max(window_max_, window_));
    advertised_ = std::max(advertised_, consumed_ + window_);
    return advertised_;
}

}  // namespace mydht::detail
