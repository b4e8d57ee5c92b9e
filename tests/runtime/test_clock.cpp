#include <algorithm>
#include <vector>

#include <mydht/core/random.hpp>
#include <mydht/runtime/clock.hpp>

#include "runtime/fixture.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace mydht::test;

namespace {

class recorder final : public alarm {
public:
    recorder(std::vector<int>& into, int name) : into_(into), name_(name) {}
    void fire() noexcept override { into_.push_back(name_); }

private:
    std::vector<int>& into_;
    int name_;
};

}  // namespace

TEST_CASE("alarms fire in the order of their times, equal times in the order of arming", "[clock]") {
    std::vector<int> fired;
    manual_clock clock;
    recorder late(fired, 3);
    recorder first(fired, 1);
    recorder second(fired, 2);
    clock.arm(late, steady_time(30ns));
    clock.arm(first, steady_time(10ns));
    clock.arm(second, steady_time(10ns));
    clock.advance(9ns);
    CHECK(fired.empty());
    clock.advance(100ns);
    CHECK(fired == std::vector<int>{1, 2, 3});
}

TEST_CASE("the alarm queue agrees with a sorted list over random operations", "[clock][property]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    std::vector<int> fired;
    std::vector<std::unique_ptr<recorder>> alarms;
    for (int i = 0; i < 64; ++i) alarms.push_back(std::make_unique<recorder>(fired, i));
    struct planned {
        steady_time when;
        std::uint64_t order;
        int name;
    };
    std::vector<planned> model;
    alarm_queue queue;
    std::uint64_t order = 0;
    for (int step = 0; step < 20'000; ++step) {
        const auto name = static_cast<int>(random.below(alarms.size()));
        const auto forget = [&] { std::erase_if(model, [&](const planned& p) { return p.name == name; }); };
        const auto what = random.below(4);
        if (what < 2) {
            const steady_time when(duration(static_cast<duration::rep>(random.below(50))));
            queue.arm(*alarms[static_cast<std::size_t>(name)], when);
            forget();
            model.push_back({when, order++, name});
        } else if (what == 2) {
            queue.disarm(*alarms[static_cast<std::size_t>(name)]);
            forget();
        } else {
            const steady_time now(duration(static_cast<duration::rep>(random.below(50))));
            const auto least = std::min_element(model.begin(), model.end(), [](const planned& a, const planned& b) {
                return a.when != b.when ? a.when < b.when : a.order < b.order;
            });
            auto* due = queue.take_due(now);
            REQUIRE((due != nullptr) == (least != model.end() && least->when <= now));
            if (due != nullptr) {
                REQUIRE(due == alarms[static_cast<std::size_t>(least->name)].get());
                REQUIRE_FALSE(due->armed());
                model.erase(least);
            }
        }
        REQUIRE(queue.size() == model.size());
    }
}

TEST_CASE("a queue that dies disarms its alarms", "[clock]") {
    std::vector<int> fired;
    recorder one(fired, 1);
    {
        alarm_queue queue;
        queue.arm(one, steady_time(1ns));
        CHECK(one.armed());
    }
    CHECK_FALSE(one.armed());
}

TEST_CASE("the system clock fires alarms in order, also one armed for the past", "[clock]") {
    asio::io_context context(1);
    const auto clock = make_system_clock(context.get_executor());
    std::vector<int> fired;
    recorder soon(fired, 2);
    recorder past(fired, 1);
    recorder taken_back(fired, 9);
    const auto now = clock->now();
    clock->arm(soon, now + 2ms);
    clock->arm(taken_back, now + 1ms);
    clock->arm(past, now - 1s);
    CHECK(fired.empty());  // never from within the call
    clock->disarm(taken_back);
    context.run();
    CHECK(fired == std::vector<int>{1, 2});
    CHECK(clock->now() >= now + 2ms);
}

TEST_CASE("an alarm that was taken back does not keep the io_context going", "[clock]") {
    asio::io_context context(1);
    const auto clock = make_system_clock(context.get_executor());
    std::vector<int> fired;
    recorder far(fired, 1);
    clock->arm(far, clock->now() + 1h);
    clock->disarm(far);
    context.run();  // would last an hour
    CHECK(fired.empty());
    // The clock still works.
    context.restart();
    clock->arm(far, clock->now() + 1ms);
    context.run();
    CHECK(fired == std::vector<int>{1});
}

TEST_CASE("sleep_until completes at its time and not before", "[clock]") {
    loop l;
    started sleeper(l.context, sleep_until(l.time, steady_time(1s)));
    l.poll();
    l.advance(999ms);
    CHECK_FALSE(sleeper.ended());
    l.advance(1ms);
    CHECK(sleeper.ended());
    CHECK(l.time.armed() == 0);
}

TEST_CASE("a cancelled sleep leaves no alarm behind", "[clock]") {
    loop l;
    started sleeper(l.context, sleep_for(l.time, 1h));
    l.poll();
    REQUIRE(l.time.armed() == 1);
    sleeper.cancel();
    l.poll();
    CHECK(sleeper.cancelled());
    CHECK(l.time.armed() == 0);
}
