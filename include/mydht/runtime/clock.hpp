#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <mydht/core/time.hpp>
#include <mydht/runtime/task.hpp>

namespace mydht {

/// Something that a clock wakes once. Lives in whoever waits and must be disarmed (or have fired) before it dies.
class alarm {
public:
    alarm() = default;
    alarm(const alarm&) = delete;
    alarm& operator=(const alarm&) = delete;

    /// Called by the clock on its executor, at or after the time asked for; the alarm is disarmed by then. May arm and
    /// disarm any alarm, this one too.
    virtual void fire() noexcept = 0;

    [[nodiscard]] bool armed() const noexcept { return position_ != unarmed; }
    [[nodiscard]] steady_time when() const noexcept { return when_; }

protected:
    virtual ~alarm() = default;

private:
    friend class alarm_queue;
    static constexpr std::size_t unarmed = ~std::size_t{0};

    steady_time when_{};
    std::uint64_t order_ = 0;
    std::size_t position_ = unarmed;
};

/// The alarms of one clock, earliest first; equal times in the order of arming. A binary heap that knows where each
/// alarm lies, so that the usual deadline, the one that never comes, costs O(log n) to take back.
class alarm_queue {
public:
    alarm_queue() = default;
    alarm_queue(const alarm_queue&) = delete;
    alarm_queue& operator=(const alarm_queue&) = delete;
    /// Disarms what is left.
    ~alarm_queue();

    /// Arms `a`, moving it when it is armed already.
    void arm(alarm& a, steady_time when);
    void disarm(alarm& a) noexcept;

    [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
    /// The earliest time; call only when not empty.
    [[nodiscard]] steady_time next() const noexcept { return heap_.front()->when_; }

    /// Takes the earliest alarm out if it is due at `now`; nullptr otherwise. The caller fires it.
    [[nodiscard]] alarm* take_due(steady_time now) noexcept;

private:
    [[nodiscard]] static bool before(const alarm& a, const alarm& b) noexcept;
    void place(std::size_t position, alarm* a) noexcept;
    void sift_up(std::size_t position) noexcept;
    void sift_down(std::size_t position) noexcept;
    void remove(std::size_t position) noexcept;

    std::vector<alarm*> heap_;
    std::uint64_t order_ = 0;
};

/// The time of one node. All calls on the executor it was made for.
class time_source {
public:
    time_source() = default;
    time_source(const time_source&) = delete;
    time_source& operator=(const time_source&) = delete;
    virtual ~time_source() = default;

    [[nodiscard]] virtual steady_time now() const noexcept = 0;
    [[nodiscard]] virtual wall_time wall_now() const noexcept = 0;

    /// Fires the alarm at `when` or soon after, never from within this call, at once for a time that has passed.
    virtual void arm(alarm& a, steady_time when) = 0;
    virtual void disarm(alarm& a) noexcept = 0;
};

/// The machine's clocks. One operating system timer however many alarms are armed. `on` must run on one thread at a
/// time (an io_context run by one thread, or a strand) and outlive the clock.
[[nodiscard]] std::shared_ptr<time_source> make_system_clock(executor on);

/// Completes at `when`, at once when that has passed. Throws std::system_error(operation_aborted) when cancelled. The
/// clock must be the one of the executor that the caller runs on and must outlive the wait.
[[nodiscard]] task<> sleep_until(time_source& on, steady_time when);

/// sleep_until() for `length` from now.
[[nodiscard]] task<> sleep_for(time_source& on, duration length);

}  // namespace mydht
