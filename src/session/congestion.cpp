#include "session/congestion.hpp"

#include <algorithm>
#include <cassert>

namespace mydht::detail {

namespace {

/// What one session may have under way at most, since every packet of it is remembered.
constexpr std::size_t window_max = std::size_t{16} * 1024 * 1024;

/// RFC 9002, 7.2.
std::size_t initial_window(std::size_t packet_bytes) noexcept {
    return std::min<std::size_t>(10 * packet_bytes, std::max<std::size_t>(14'720, 2 * packet_bytes));
}

}  // namespace

congestion::congestion(std::size_t packet_bytes) noexcept
    : packet_bytes_(packet_bytes), window_(initial_window(packet_bytes)) {}

bool congestion::limiting() const noexcept {
    if (slow_start() && in_flight_ > window_ / 2) return true;
    return in_flight_ + 3 * packet_bytes_ > window_;
}

void congestion::acknowledged(std::size_t bytes, steady_time sent_at, bool limited) noexcept {
    assert(bytes <= in_flight_);
    in_flight_ -= bytes;
    if (!limited || sent_at <= recovery_from_) return;
    if (slow_start()) {
        window_ += bytes;
    } else {
        credit_ += bytes;
        if (credit_ >= window_) {
            credit_ -= window_;
            window_ += packet_bytes_;
        }
    }
    window_ = std::min(window_, window_max);
}

bool congestion::lost(steady_time newest_sent_at, steady_time now) noexcept {
    if (newest_sent_at <= recovery_from_) return false;
    window_before_ = window_;
    threshold_before_ = threshold_;
    recovery_from_ = now;
    threshold_ = std::max(window_ / 2, window_min());
    window_ = threshold_;
    credit_ = 0;
    return true;
}

void congestion::set_window(std::size_t bytes) noexcept {
    window_ = std::clamp(bytes, window_min(), window_max);
    threshold_ = window_;
    credit_ = 0;
    window_before_ = std::min(window_before_, window_);
    threshold_before_ = std::min(threshold_before_, threshold_);
}

void congestion::collapse() noexcept {
    window_ = window_min();
    credit_ = 0;
    recovery_from_ = steady_time::min();
}

void congestion::undo() noexcept {
    window_ = std::max(window_, window_before_);
    threshold_ = std::max(threshold_, threshold_before_);
    recovery_from_ = steady_time::min();
}

void congestion::set_packet_bytes(std::size_t bytes) noexcept {
    packet_bytes_ = bytes;
    window_ = std::max(window_, window_min());
}

}  // namespace mydht::detail
