#include <mydht/session/stream_lease.hpp>

#include "session/stream_grip.hpp"
#include "session/stream_memory.hpp"

namespace mydht {

stream_lease::stream_lease(const stream& of) : from_(detail::grip_of(of).state()->home()->account) {}

stream_lease::~stream_lease() { from_->count(detail::stream_side_of::receiving, counted_, 0); }

bool stream_lease::grow_to(std::size_t bytes) noexcept {
    constexpr auto side = detail::stream_side_of::receiving;
    if (bytes > counted_ && !from_->has_room(side, bytes - counted_)) return false;
    from_->count(side, counted_, bytes);
    return true;
}

time_source& stream_lease::time() const noexcept { return from_->memory().time(); }

}  // namespace mydht
