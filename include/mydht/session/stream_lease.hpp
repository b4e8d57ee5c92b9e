#pragma once

#include <cstddef>
#include <memory>

#include <mydht/runtime/clock.hpp>
#include <mydht/session/stream.hpp>

namespace mydht {

namespace detail {
class stream_account;
}  // namespace detail

/// Memory that is held for what came on a stream, such as a message that is being read from it: counts as the peer's
/// share of session_config::stream_receive_bytes_total, as bytes that nobody has read do. Given back when the lease
/// goes. On the stream's executor.
class stream_lease {
public:
    /// Of nothing at first. `of` must be a stream; it need not live on.
    explicit stream_lease(const stream& of);
    stream_lease(const stream_lease&) = delete;
    stream_lease& operator=(const stream_lease&) = delete;
    ~stream_lease();

    /// Counts so many bytes in all, more or less than before. False, and nothing changes, when there is no room for
    /// more.
    [[nodiscard]] bool grow_to(std::size_t bytes) noexcept;
    /// The clock of the stream's session.
    [[nodiscard]] time_source& time() const noexcept;

private:
    std::shared_ptr<detail::stream_account> from_;
    std::size_t counted_ = 0;
};

}  // namespace mydht
