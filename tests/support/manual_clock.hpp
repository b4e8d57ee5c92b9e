#pragma once

#include <mydht/runtime/clock.hpp>

namespace mydht::test {

/// A clock that moves only when told.
class manual_clock final : public time_source {
public:
    [[nodiscard]] steady_time now() const noexcept override { return now_; }
    [[nodiscard]] wall_time wall_now() const noexcept override {
        return wall_time(std::chrono::milliseconds(1'700'000'000'000)) +
               std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch());
    }
    void arm(alarm& a, steady_time when) override { alarms_.arm(a, when); }
    void disarm(alarm& a) noexcept override { alarms_.disarm(a); }

    /// Fires what is due on the way, in order. The woken coroutines run when their executor does.
    void advance(duration by) {
        const auto target = now_ + by;
        while (!alarms_.empty() && alarms_.next() <= target) {
            now_ = std::max(now_, alarms_.next());
            alarms_.take_due(now_)->fire();
        }
        now_ = target;
    }

    [[nodiscard]] std::size_t armed() const noexcept { return alarms_.size(); }

private:
    steady_time now_{};
    alarm_queue alarms_;
};

}  // namespace mydht::test
