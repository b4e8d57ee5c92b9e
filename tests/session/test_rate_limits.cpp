#include <mydht/core/random.hpp>

#include <mydht/core/recent_map.hpp>
#include "session/dial_budget.hpp"
#include "session/rate_limiter.hpp"
#include "two_peers.hpp"

namespace mydht::test {

using namespace detail;

namespace {

address at(const std::string& text) { return parse_address(text).value(); }

std::size_t served(request_limiter& limiter, const address& from, steady_time now, std::size_t tries,
                   std::uint8_t priority = 0) {
    std::size_t out = 0;
    for (std::size_t i = 0; i < tries; ++i) out += limiter.take(from, priority, now) == rate_verdict::serve ? 1 : 0;
    return out;
}

request_limits small() {
    request_limits out;
    out.endpoint = {10, 5};
    out.prefix = {20, 12};
    out.refusals = {2, 3};
    out.entries_max = 4;
    return out;
}

}  // namespace

// --- the bucket ------------------------------------------------------------------------------------------------------

TEST_CASE("a bucket gives its burst at once and then its rate", "[rate]") {
    const rate_limit limit{10, 5};
    token_bucket bucket;
    const steady_time start(1h);
    for (int i = 0; i < 5; ++i) CHECK(bucket.try_take(limit, start));
    CHECK_FALSE(bucket.try_take(limit, start));
    CHECK_FALSE(bucket.try_take(limit, start + 100ms - 1ns));
    CHECK(bucket.try_take(limit, start + 100ms));
    CHECK_FALSE(bucket.try_take(limit, start + 100ms));
    // Full again, and not fuller.
    for (int i = 0; i < 5; ++i) CHECK(bucket.try_take(limit, start + 1h));
    CHECK_FALSE(bucket.try_take(limit, start + 1h));
}

TEST_CASE("what a bucket gives never exceeds its burst plus its rate", "[rate]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 200; ++round) {
        rate_limit limit;
        limit.per_second = static_cast<std::uint32_t>(1 + random.below(1'000'000));
        limit.burst = static_cast<std::uint32_t>(1 + random.below(1'000));
        token_bucket bucket;
        const auto start = steady_time(std::chrono::seconds(random.below(1'000'000)));
        auto now = start;
        std::uint64_t given = 0;
        for (int i = 0; i < 500; ++i) {
            given += bucket.try_take(limit, now) ? 1 : 0;
            now += duration(random.below(3'000'000));
            const auto allowed = limit.burst + (now - start) / price_of(limit) + 1;
            REQUIRE(given <= static_cast<std::uint64_t>(allowed));
        }
    }
}

// --- the map ---------------------------------------------------------------------------------------------------------

TEST_CASE("a recent_map forgets what was not touched for longest", "[rate]") {
    recent_map<int, int> map(2);
    map.touch(1) = 10;
    map.touch(2) = 20;
    CHECK(map.touch(1) == 10);
    map.touch(3) = 30;
    CHECK(map.size() == 2);
    CHECK(map.find(2) == nullptr);
    REQUIRE(map.find(1) != nullptr);
    CHECK(*map.find(1) == 10);
    map.erase(1);
    map.erase(1);
    CHECK(map.size() == 1);
    CHECK(map.touch(1) == 0);
}

// --- requests --------------------------------------------------------------------------------------------------------

TEST_CASE("an endpoint is served so often, is told of some refusals, then nothing", "[rate]") {
    request_limiter limiter(small(), true);
    const steady_time now(1h);
    const auto from = at("udp://1.2.3.4:5");
    CHECK(served(limiter, from, now, 5) == 5);
    for (int i = 0; i < 3; ++i) CHECK(limiter.take(from, 0, now) == rate_verdict::tell);
    CHECK(limiter.take(from, 0, now) == rate_verdict::drop);
    // Another port is another endpoint, and has its own share of its network's.
    CHECK(served(limiter, at("udp://1.2.3.4:6"), now, 5) == 5);
    CHECK(served(limiter, from, now + 100ms, 2) == 1);
}

TEST_CASE("the endpoints of a prefix share what it may ask", "[rate]") {
    auto limits = small();
    limits.entries_max = 100;
    request_limiter limiter(limits, true);
    const steady_time now(1h);
    std::size_t all = 0;
    for (int i = 0; i < 50; ++i) all += served(limiter, at("udp://1.2.3.4:" + std::to_string(1000 + i)), now, 1);
    CHECK(all == 12);
    // What was refused cost nobody anything: the next network has all of its share, and so has this one a second later.
    CHECK(served(limiter, at("udp://1.2.4.4:1"), now, 10) == 5);
    CHECK(served(limiter, at("udp://1.2.3.9:1"), now + 600ms, 10) == 5);
    // tcp and udp are one network.
    CHECK(served(limiter, at("tcp://1.2.3.9:1"), now + 600ms, 10) == 5);
    CHECK(served(limiter, at("tcp://1.2.3.10:1"), now + 600ms, 10) == 2);
}

TEST_CASE("refusals that are told are counted for the prefix too", "[rate]") {
    auto limits = small();
    limits.prefix = {1, 1};
    limits.entries_max = 100;
    request_limiter limiter(limits, true);
    const steady_time now(1h);
    std::size_t told = 0;
    for (int i = 0; i < 50; ++i) {
        const auto from = at("udp://1.2.3.4:" + std::to_string(1000 + i));
        told += limiter.take(from, 0, now) == rate_verdict::tell ? 1 : 0;
    }
    CHECK(told == 3);
}

TEST_CASE("a priority makes requests cheaper", "[rate]") {
    auto limits = small();
    limits.prefix = {1'000, 1'000};
    request_limiter limiter(limits, true);
    const steady_time now(1h);
    CHECK(served(limiter, at("udp://1.2.3.4:1"), now, 100, priority_discount) == 10);
    CHECK(served(limiter, at("udp://1.2.3.4:2"), now, 100, 255) == 44);  // 5 * (32 + 255) / 32
}

TEST_CASE("this machine is exempt as far as the configuration says", "[rate]") {
    for (const bool exempt : {true, false}) {
        request_limiter limiter(small(), exempt);
        for (const auto& from : {at("udp://127.0.0.1:1"), at("udp://[::1]:1"), mem("a")}) {
            CHECK(served(limiter, from, steady_time(1h), 100) == (exempt ? 100 : 5));
        }
        CHECK(limiter.endpoints() == (exempt ? 0 : 3));
    }
}

TEST_CASE("a limiter remembers so many endpoints and prefixes", "[rate]") {
    request_limiter limiter(small(), true);
    const steady_time now(1h);
    const auto busy = at("udp://1.0.0.1:1");
    CHECK(served(limiter, busy, now, 5) == 5);
    for (int i = 2; i < 5; ++i) (void)limiter.take(at("udp://" + std::to_string(i) + ".0.0.1:1"), 0, now);
    CHECK(limiter.endpoints() == 4);
    CHECK(served(limiter, busy, now, 1) == 0);
    for (int i = 5; i < 9; ++i) (void)limiter.take(at("udp://" + std::to_string(i) + ".0.0.1:1"), 0, now);
    CHECK(limiter.endpoints() == 4);
    CHECK(limiter.prefixes() == 4);
    CHECK(served(limiter, busy, now, 6) == 5);
}

namespace {

/// Asks so often at the same time. How many answers came that are no refusals.
std::size_t answers(world& w, const session& over, std::size_t requests) {
    const auto count = std::make_shared<std::size_t>(0);
    const auto deadline = w.time->now() + 5s;
    for (std::size_t i = 0; i < requests; ++i) {
        auto link = over;
        asio::co_spawn(w.context, link.request(wire::ping(), deadline),
                       [count](std::exception_ptr, const result<wire::message>& out) {
                           *count += out && std::holds_alternative<wire::pong>(*out) ? 1U : 0U;
                       });
    }
    w.advance(6s);
    return *count;
}

}  // namespace

TEST_CASE("answers to own requests count against no rate", "[rate]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    CAPTURE(how);
    session_config strict;
    strict.exempt_loopback = false;
    strict.request_rate.emplace();
    strict.request_rate->endpoint = {1, 2};
    strict.request_rate->prefix = {1, 2};
    session_config patient = strict;
    patient.request_rate.reset();
    world w;
    memory_network network;
    peer a(w, std::move(strict), {});
    peer b(w, std::move(patient), {});
    for (auto* one : {&a, &b}) {
        if (how == carried_by::datagrams) {
            one->pool->add_transport(network.datagrams());
        } else {
            one->pool->add_transport(network.transport());
        }
    }
    REQUIRE(w.run(b.pool->listen(mem("b"))));
    const auto link = w.run(a.pool->connect(b.at(mem("b")), a.in(10s)));
    REQUIRE(link);
    const auto& counters = a.pool->counters();
    CHECK(answers(w, *link, 50) == 50);
    CHECK(counters.requests_sent == 50);
    CHECK(counters.requests_throttled == 0);
    // The peer's own requests are another matter, and change nothing for those of this side.
    const auto back = b.pool->find(a.self->id());
    REQUIRE_FALSE(back.empty());
    CHECK(answers(w, back, 50) < 10);
    const auto throttled = counters.requests_throttled;
    CHECK(throttled > 40);
    CHECK(answers(w, *link, 50) == 50);
    CHECK(counters.requests_throttled == throttled);
    w.run(a.pool->stop(1s));
    w.run(b.pool->stop(1s));
}

TEST_CASE("handshakes are limited by prefix", "[rate]") {
    prefix_limiter limiter({10, 3}, 2, true);
    const steady_time now(1h);
    for (int i = 0; i < 3; ++i) CHECK(limiter.take(at("tcp://1.2.3." + std::to_string(i) + ":7"), now));
    CHECK_FALSE(limiter.take(at("udp://1.2.3.99:9"), now));
    CHECK(limiter.take(at("udp://1.2.4.99:9"), now));
    CHECK(limiter.take(at("udp://1.2.3.99:9"), now + 100ms));
    for (int i = 0; i < 20; ++i) CHECK(limiter.take(at("tcp://127.0.0.1:7"), now));
    CHECK(limiter.take(at("tcp://9.9.9.9:7"), now));
    CHECK(limiter.prefixes() == 2);
}

TEST_CASE("dials that others cause are limited by address, by prefix and together", "[rate]") {
    dial_limits limits;
    limits.prefix = {10, 3};
    limits.at_once = 4;
    dial_budget budget(limits);
    const steady_time now(1h);
    CHECK(budget.begin(at("tcp://1.2.3.1:1"), {}, now));
    CHECK_FALSE(budget.begin(at("tcp://1.2.3.1:1"), {}, now));
    CHECK(budget.begin(at("tcp://1.2.3.1:2"), {}, now));
    CHECK(budget.begin(at("tcp://1.2.3.2:1"), {}, now));
    CHECK_FALSE(budget.begin(at("tcp://1.2.3.3:1"), {}, now));
    CHECK(budget.begin(at("tcp://1.2.4.1:1"), {}, now));
    CHECK_FALSE(budget.begin(at("tcp://1.2.5.1:1"), {}, now));  // four are under way
    budget.end({});
    CHECK_FALSE(budget.begin(at("tcp://1.2.3.3:1"), {}, now));
    CHECK(budget.begin(at("tcp://1.2.5.1:1"), {}, now));
    budget.end({});
    CHECK_FALSE(budget.begin(at("tcp://1.2.3.1:1"), {}, now + 1s - 1ns));
    CHECK(budget.begin(at("tcp://1.2.3.1:1"), {}, now + 1s));
}

TEST_CASE("neighbours in one network cause a quarter of the dials under way, and one at least", "[rate]") {
    dial_limits limits;
    limits.at_once = 8;
    dial_budget budget(limits);
    const steady_time now(1h);
    std::uint8_t number = 0;
    const auto begins = [&](const bytes& cause) {
        return budget.begin(address::ipv4(address_kind::udp, {90, 1, ++number, 1}, 53), cause, now);
    };
    CHECK(begins(network_prefix(at("udp://5.5.5.1:1"))));
    CHECK(begins(network_prefix(at("tcp://5.5.5.2:7"))));
    CHECK_FALSE(begins(network_prefix(at("udp://5.5.5.3:1"))));
    CHECK(begins(network_prefix(at("udp://5.5.6.1:1"))));
    CHECK(begins({}));
    budget.end(network_prefix(at("tcp://5.5.5.2:7")));
    CHECK(begins(network_prefix(at("udp://5.5.5.3:1"))));
    CHECK_FALSE(begins(network_prefix(at("udp://5.5.5.3:1"))));
    CHECK(begins({}));
    CHECK(begins({}));
    CHECK(begins({}));
    CHECK(begins({}));
    CHECK_FALSE(begins({}));  // eight are under way
    limits.at_once = 3;
    dial_budget small(limits);
    CHECK(small.begin(at("udp://90.2.1.1:1"), network_prefix(at("udp://5.5.5.1:1")), now));
    CHECK_FALSE(small.begin(at("udp://90.2.2.1:1"), network_prefix(at("udp://5.5.5.1:1")), now));
}

TEST_CASE("limits that let nothing through are refused", "[rate]") {
    CHECK(check(rate_limit{1, 1}));
    CHECK(check(rate_limit{1'000'000, 1}));
    CHECK_FALSE(check(rate_limit{0, 1}));
    CHECK_FALSE(check(rate_limit{1, 0}));
    CHECK_FALSE(check(rate_limit{1'000'001, 1}));
    CHECK(check(request_limits()));
    auto none = small();
    none.entries_max = 0;
    CHECK_FALSE(check(none));
    auto bad = small();
    bad.refusals.burst = 0;
    CHECK_FALSE(check(bad));
    CHECK(check(dial_limits()));
    dial_limits dials;
    dials.at_once = 0;
    CHECK_FALSE(check(dials));
}

}  // namespace mydht::test
