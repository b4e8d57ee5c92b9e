#include <mydht/runtime/clock.hpp>

#include <chrono>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <mydht/runtime/wait_queue.hpp>

namespace mydht {

namespace {

class system_clock final : public time_source {
public:
    explicit system_clock(executor on) : shared_(std::make_shared<shared>(std::move(on))) {}
    ~system_clock() override { shared_->timer.cancel(); }

    steady_time now() const noexcept override {
        return steady_time(std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch()));
    }

    wall_time wall_now() const noexcept override {
        return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    }

    void arm(alarm& a, steady_time when) override {
        shared_->alarms.arm(a, when);
        if (shared_->alarms.next() == when) wait();
    }

    void disarm(alarm& a) noexcept override {
        auto& s = *shared_;
        s.alarms.disarm(a);
        if (!s.alarms.empty() || !s.waiting_for || s.letting_go) return;
        // Nobody waits any more, so the timer must not keep io_context::run() going. Looked at again a little later:
        // usually the next alarm is armed at once, and then the timer may as well stay.
        s.letting_go = true;
        asio::post(s.timer.get_executor(), [alive = std::weak_ptr<shared>(shared_)] {
            const auto kept = alive.lock();
            if (!kept) return;
            kept->letting_go = false;
            if (!kept->alarms.empty()) return;
            kept->waiting_for.reset();
            kept->timer.cancel();
        });
    }

private:
    struct shared {
        explicit shared(executor on) : timer(std::move(on)) {}
        asio::steady_timer timer;
        alarm_queue alarms;
        std::optional<steady_time> waiting_for;
        bool letting_go = false;
    };

    /// Keeps the timer at or before the earliest alarm. A timer that is early finds nothing due and waits anew, which
    /// is cheaper than moving it whenever an alarm is taken back.
    void wait() {
        auto& s = *shared_;
        if (s.alarms.empty()) return;
        const auto next = s.alarms.next();
        if (s.waiting_for && *s.waiting_for <= next) return;
        s.waiting_for = next;
        const auto target = std::chrono::steady_clock::time_point(
            std::chrono::duration_cast<std::chrono::steady_clock::duration>(next.time_since_epoch()));
        s.timer.expires_at(target);
        s.timer.async_wait([this, alive = std::weak_ptr<shared>(shared_), next](std::error_code error) {
            const auto kept = alive.lock();
            // A later wait has replaced this one, or the clock is gone.
            if (error || !kept || kept->waiting_for != next) return;
            kept->waiting_for.reset();
            const auto now = this->now();
            while (auto* due = kept->alarms.take_due(now)) due->fire();
            wait();
        });
    }

    std::shared_ptr<shared> shared_;
};

}  // namespace

std::shared_ptr<time_source> make_system_clock(executor on) { return std::make_shared<system_clock>(std::move(on)); }

task<> sleep_until(time_source& on, steady_time when) {
    wait_queue nobody_notifies;
    co_await nobody_notifies.wait_until(on, when);
}

task<> sleep_for(time_source& on, duration length) { return sleep_until(on, on.now() + length); }

}  // namespace mydht
