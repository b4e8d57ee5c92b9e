#pragma once

#include <cstddef>
#include <cstdint>

#include <mydht/core/time.hpp>

namespace mydht::detail {

/// How many bytes may be under way: NewReno as RFC 9002, 7 has it. Keeps no packets; loss_recovery tells it of them.
class congestion {
public:
    explicit congestion(std::size_t packet_bytes) noexcept;

    [[nodiscard]] std::size_t window() const noexcept { return window_; }
    [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_; }
    [[nodiscard]] bool has_room(std::size_t bytes) const noexcept { return in_flight_ + bytes <= window_; }
    [[nodiscard]] bool slow_start() const noexcept { return window_ < threshold_; }
    /// The window is what holds the sender back. While the application does, the window does not grow (7.8).
    [[nodiscard]] bool limiting() const noexcept;

    void sent(std::size_t bytes) noexcept { in_flight_ += bytes; }
    /// `limited`: what limiting() was before the ack came.
    void acknowledged(std::size_t bytes, steady_time sent_at, bool limited) noexcept;
    /// Bytes are no longer under way, without an ack.
    void left(std::size_t bytes) noexcept { in_flight_ -= bytes; }

    /// Packets were lost, the newest of which was sent then. True when the window shrank for it: once a round trip
    /// (7.3.2).
    bool lost(steady_time newest_sent_at, steady_time now) noexcept;
    /// Another window, for what was seen of round trips (queue_watch); it grows slowly from there on.
    void set_window(std::size_t bytes) noexcept;
    /// Nothing came through for long (7.6).
    void collapse() noexcept;
    /// What the window shrank for last was no loss after all: as before (RFC 4015 has the idea).
    void undo() noexcept;

    /// The size of full packets changed. The window keeps its bytes.
    void set_packet_bytes(std::size_t bytes) noexcept;
    [[nodiscard]] std::size_t packet_bytes() const noexcept { return packet_bytes_; }

private:
    [[nodiscard]] std::size_t window_min() const noexcept { return 2 * packet_bytes_; }

    std::size_t packet_bytes_;
    std::size_t window_;
    std::size_t threshold_ = SIZE_MAX;
    std::size_t in_flight_ = 0;
    std::size_t credit_ = 0;  // acknowledged bytes that have not grown the window yet
    std::size_t window_before_ = 0;
    std::size_t threshold_before_ = 0;
    steady_time recovery_from_ = steady_time::min();
};

}  // namespace mydht::detail
