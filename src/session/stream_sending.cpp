#include "session/stream_sending.hpp"

#include <algorithm>
#include <cassert>

namespace mydht::detail {

std::size_t stream_sending::take(bytes_view data, std::size_t kept_max) {
    assert(!finished_ && !dropped_);
    const auto room = kept_max - std::min(kept_max, kept_.size());
    const auto part = data.first(std::min(data.size(), room));
    kept_.append(part);
    return part.size();
}

void stream_sending::drop() noexcept {
    dropped_ = true;
    kept_.clear();
    acknowledged_.clear();
    lost_.clear();
}

void stream_sending::raise_limit(std::uint64_t limit) noexcept { limit_ = std::max(limit_, limit); }

bool stream_sending::has_fresh() const noexcept { return !dropped_ && next_ < kept_.end() && next_ < limit_; }

std::optional<byte_range> stream_sending::next(std::size_t size_max, std::uint64_t fresh_max) const noexcept {
    if (!lost_.empty() && size_max > 0) {
        const auto& first = lost_.front();
        return byte_range{first.begin, std::min<std::uint64_t>(first.end, first.begin + size_max)};
    }
    const auto size = std::min<std::uint64_t>(size_max, fresh_max);
    if (!has_fresh() || size == 0) return std::nullopt;
    return byte_range{next_, std::min({kept_.end(), limit_, next_ + size})};
}

void stream_sending::copy(byte_range what, bytes& out) const {
    kept_.copy(what.begin, static_cast<std::size_t>(what.end - what.begin), out);
}

std::uint64_t stream_sending::said(byte_range what) noexcept {
    lost_.remove(what);
    const auto fresh = what.end - std::min(what.end, next_);
    next_ += fresh;
    return fresh;
}

bool stream_sending::end_due() const noexcept {
    return finished_ && !dropped_ && end_ == end_phase::unsaid && next_ == kept_.end();
}

void stream_sending::acknowledged(byte_range what) {
    what.begin = std::max(what.begin, kept_.begin());
    what.end = std::min(what.end, next_);
    if (dropped_ || what.begin >= what.end) return;
    lost_.remove(what);
    if (what.begin > kept_.begin()) {
        acknowledged_.add(what);
        return;
    }
    auto arrived = what.end;
    while (!acknowledged_.empty() && acknowledged_.front().begin <= arrived) {
        const auto joined = acknowledged_.front();
        arrived = std::max(arrived, joined.end);
        acknowledged_.remove(joined);
    }
    kept_.drop(static_cast<std::size_t>(arrived - kept_.begin()));
}

void stream_sending::lost(byte_range what) {
    what.begin = std::max(what.begin, kept_.begin());
    what.end = std::min(what.end, next_);
    if (dropped_ || what.begin >= what.end) return;
    lost_.add_without(what, acknowledged_);
}

void stream_sending::end_lost() noexcept {
    if (end_ == end_phase::said) end_ = end_phase::unsaid;
}

}  // namespace mydht::detail
