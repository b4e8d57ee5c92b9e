#include <algorithm>
#include <string>
#include <vector>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>

#include <mydht/core/application_error.hpp>
#include <mydht/runtime/wait_queue.hpp>
#include <mydht/sim/scenario.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace std::chrono_literals;

namespace {

std::string text_of(bytes_view data) { return {data.begin(), data.end()}; }

request_options by(query_mode how) { return request_options().mode(how); }

task<result<bytes>> tell(incoming_call& call) {
    if (text_of(call.request()) == "fail") co_return failure(application_error(42));
    const bool unnamed = call.from().who.id == node_id() && !call.from().proven;
    std::string out = text_of(call.request()) + (call.travelled() ? " travelled" : " came");
    if (call.travelled() && unnamed) out += ", from nobody";
    if (call.collector()) out += ", collected";
    co_return to_bytes(out);
}

task<result<std::string>> ask_far(node from, contact to) {
    const auto got = co_await from.request(std::move(to), "tell/1", to_bytes("x"), request_options().mode(proxied()));
    if (!got) co_return failure(got.error());
    co_return text_of(got->reply());
}

/// Nodes that know six others each.
scenario_config few_known() {
    scenario_config config;
    config.seed = 31;
    config.streams = false;
    config.datagrams = true;
    config.configure = [](node_index, node_config& each) {
        flat_table_config few;
        few.list.contacts_max = 6;
        few.list.live_wanted = 6;
        each.table = few;
    };
    return config;
}

/// From now on two of them cannot connect; all others can.
void cut(scenario& s, node_index one, node_index other) {
    std::vector<sim::link> ways;
    for (node_index a = 0; a < s.size(); ++a) {
        for (node_index b = 0; b < a; ++b) {
            if (std::minmax(a, b) != std::minmax(one, other)) ways.push_back({a, b});
        }
    }
    s.network().link_only(ways);
}

}  // namespace

TEST_CASE("a request reaches a node that its asker cannot connect to", "[request]") {
    scenario s(few_known());
    REQUIRE(s.grow(25) == 0);
    constexpr node_index asker = 3;
    constexpr node_index answerer = 20;
    s.at(answerer).serve("tell/1", make_call_service(tell), serve_options().forwarded());
    auto options = by(proxied());
    const auto contact = s.at(answerer).as_contact();
    cut(s, asker, answerer);
    REQUIRE_FALSE(s.run(s.at(asker).call(contact, "tell/1", bytes(), call_options().timeout(2s))));
    const auto got = s.run(s.at(asker).request(contact, "tell/1", to_bytes("x"), options));
    REQUIRE(got);
    CHECK(text_of(got->reply()) == "x travelled, from nobody");
    CHECK(got->answerer() == s.at(answerer).key());
    // By the id alone: its key is looked for first.
    constexpr node_index early = 1;
    s.at(early).serve("tell/1", make_call_service(tell), serve_options().forwarded());
    const auto by_id = s.run(s.at(24).request(request_target::peer(s.id_of(early)), "tell/1", to_bytes("y"), options));
    REQUIRE(by_id);
    CHECK(text_of(by_id->reply()) == "y travelled, from nobody");
    const auto failed = s.run(s.at(asker).request(contact, "tell/1", to_bytes("fail"), options));
    CHECK(failed.error() == application_error(42));
    CHECK(s.run(s.at(asker).request(contact, "none/1", bytes(), options)).error() == errc::no_service);
}

TEST_CASE("an answer that cannot be brought straight is told from one that is late", "[request]") {
    std::size_t ran = 0;
    auto config = few_known();
    node_id kept_out;
    config.configure = [few = config.configure, &kept_out](node_index index, node_config& each) {
        few(index, each);
        if (index == 3) kept_out = each.self->id();
        if (index == 20) each.sessions.admission.deny = {kept_out};
    };
    scenario s(std::move(config));
    REQUIRE(s.grow(25) == 0);
    const auto count = [&ran](incoming_call&) -> task<result<bytes>> {
        ++ran;
        co_return to_bytes("done");
    };
    s.at(20).serve("count/1", make_call_service(count), serve_options().forwarded());
    const auto to = s.at(20).as_contact();
    std::size_t asked = 0;
    for (const auto& whom : {request_target(to), request_target::peer(to.id)}) {
        const auto lost = s.run(s.at(3).request(whom, "count/1", bytes(), by(direct())));
        REQUIRE_FALSE(lost);
        CHECK(lost.error() == errc::answer_lost);
        CHECK(ran == ++asked);
    }
    const auto passed = s.run(s.at(3).request(to, "count/1", bytes(), by(proxied())));
    REQUIRE(passed);
    CHECK(text_of(passed->reply()) == "done");
    CHECK(ran == 3);
}

TEST_CASE("services are asked in every mode, and only those that say so by forwarding", "[request]") {
    scenario s(few_known());
    REQUIRE(s.grow(20) == 0);
    s.at(7).serve("tell/1", make_call_service(tell), serve_options().forwarded());
    s.at(7).serve("calls/1", make_call_service(tell));
    const auto to = s.at(7).as_contact();
    const auto ask = [&](query_mode how, const char* service) {
        const auto got = s.run(s.at(2).request(to, service, to_bytes("x"), by(how)));
        return got ? text_of(got->reply()) : got.error().message();
    };
    const auto none = make_error_code(errc::no_service).message();
    CHECK(ask(iterative(), "tell/1") == "x came");
    CHECK(ask(iterative(), "calls/1") == "x came");
    CHECK(ask(proxied(), "tell/1") == "x travelled, from nobody");
    CHECK(s.run(ask_far(s.at(2), to)) == "x travelled, from nobody");
    CHECK(ask(proxied(), "calls/1") == none);
    CHECK(ask(direct(), "tell/1") == "x travelled, from nobody, collected");
    // The first peer would collect, and may be this one.
    CHECK(ask(mixed(1), "tell/1").starts_with("x travelled, from nobody"));
    const auto failed = s.run(s.at(2).request(to, "tell/1", to_bytes("fail")));
    CHECK(failed.error() == application_error(42));
    s.at(7).unserve("tell/1");
    CHECK(ask(proxied(), "tell/1") == none);
    CHECK(ask(iterative(), "tell/1") == none);
}

TEST_CASE("a request to a key is answered by one who serves the name, and says who", "[request]") {
    std::size_t ran = 0;
    scenario s(few_known());
    REQUIRE(s.grow(20) == 0);
    const auto count = [&ran](incoming_call&) -> task<result<bytes>> {
        ++ran;
        co_return to_bytes("here");
    };
    for (node_index i = 0; i < 20; i += 2) {
        s.at(i).serve("here/1", make_call_service(count), serve_options().forwarded());
    }
    const auto where = s.id_of(5);
    for (const auto how : {proxied(), iterative()}) {
        ran = 0;
        const auto got = s.run(s.at(3).request(request_target::key(where), "here/1", bytes(), by(how)));
        REQUIRE(got);
        CHECK(text_of(got->reply()) == "here");
        CHECK(got->answers.size() == 1);
        CHECK(ran == 1);
        bool known = false;
        for (node_index i = 0; i < 20; i += 2) known = known || s.at(i).key() == got->answerer();
        CHECK(known);
    }
    const auto nobody = s.run(s.at(3).request(request_target::key(where), "none/1", bytes(), by(proxied())));
    CHECK(nobody.error() == errc::not_found);
}

TEST_CASE("requests that can never work are refused at once", "[request]") {
    scenario s(few_known());
    REQUIRE(s.grow(3) == 0);
    const auto to = s.at(1).as_contact();
    const auto error = [&](request_target whom, const char* service, std::size_t size, const request_options& options) {
        return s.run(s.at(0).request(std::move(whom), service, bytes(size), options)).error();
    };
    CHECK(error(to, "no name", 1, by(proxied())) == errc::bad_argument);
    CHECK(error(to, "x/1", limits::request_bytes + 1, by(proxied())) == errc::too_large);
    CHECK(error(to, "x/1", limits::request_bytes + 1, request_options()) == errc::too_large);
    CHECK(error(s.at(0).as_contact(), "x/1", 1, by(proxied())) == errc::self_connection);
    CHECK(error(to, "x/1", 1, by(proxied()).hops(99)) == errc::bad_argument);
}

namespace {

struct waiting_handler {
    int running = 0;
    int cancelled = 0;
};

task<result<bytes>> wait_for_ever(waiting_handler& in, incoming_call&) {
    wait_queue never;
    ++in.running;
    try {
        co_await never.wait();
    } catch (...) {
        ++in.cancelled;
        throw;
    }
    co_return bytes();
}

}  // namespace

TEST_CASE("an asker that gives up is heard at the end of the way, where the handler is cancelled", "[request]") {
    constexpr node_index asker = 0;
    constexpr node_index between = 1;
    constexpr node_index answerer = 2;
    auto config = few_known();
    config.streams = GENERATE(true, false);
    config.datagrams = !config.streams;
    const auto how = GENERATE(proxied(), mixed(1));
    CAPTURE(config.streams, static_cast<int>(how.what()));
    waiting_handler seen;
    scenario s(std::move(config));
    REQUIRE(s.grow(3) == 0);
    s.at(answerer).serve("wait/1", make_call_service([&seen](incoming_call& c) { return wait_for_ever(seen, c); }),
                         serve_options().forwarded());
    const auto contact = s.at(answerer).as_contact();
    cut(s, asker, answerer);
    asio::cancellation_signal stop;
    bool ended = false;
    asio::co_spawn(s.world().driver_environment().exec,
                   s.at(asker).request(contact, "wait/1", bytes(), by(how).timeout(20s)),
                   asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr, auto) { ended = true; }));
    s.world().run_for(5s);
    REQUIRE(seen.running == 1);
    REQUIRE(s.run(s.at(between).status()).forwarded.served == 1);
    REQUIRE(seen.cancelled == 0);
    REQUIRE_FALSE(ended);
    stop.emit(asio::cancellation_type::terminal);
    // The two links' delays, and no lifetime of anything.
    s.world().run_for(1s);
    CHECK(ended);
    // Somebody else may bring the same request and wait for its reply; nobody does, and that is seen long before its
    // time is over.
    CHECK(seen.cancelled == 0);
    s.world().run_for(8s);
    CHECK(seen.cancelled == 1);
    CHECK(seen.running == 1);
    // Nothing of it is left behind.
    s.at(answerer).serve("tell/1", make_call_service(tell), serve_options().forwarded());
    CHECK(s.run(s.at(asker).request(contact, "tell/1", to_bytes("x"), by(how))));
}
