#include <memory>
#include <string>

#include <asio/post.hpp>

#include <mydht/core/application_error.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/crypto/service_request.hpp>
#include <mydht/runtime/task_group.hpp>

#include "query/answered_requests.hpp"
#include "query/linked_network.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace mydht::test;
using namespace std::chrono_literals;

namespace {

using peer_index = linked_network::peer_index;

request_options by(query_mode how) { return request_options().mode(how); }

task<result<bytes>> echo(service_question what) {
    what.body.push_back('!');
    co_return std::move(what.body);
}

result<request_report> ask(linked_network& net, peer_index who, request_target to, std::string_view text = "hello",
                           const request_options& options = by(proxied()), const std::string& service = "echo/1") {
    return net.complete(net.at(who).queries.request(std::move(to), service, to_bytes(text), options));
}

std::string text_of(bytes_view data) { return {data.begin(), data.end()}; }

/// Peers in a row: each knows the one before it and the one behind it.
void row(linked_network& net) {
    for (std::size_t i = 0; i + 1 < net.peers.size(); ++i) net.link(i, i + 1);
}

std::size_t served(linked_network& net) {
    std::size_t out = 0;
    for (const auto& each : net.peers) out += each->served;
    return out;
}

}  // namespace

TEST_CASE("a request reaches a peer that knows four others, in each mode, and runs its handler once", "[request]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    for (const auto how : {proxied(), direct(), mixed(2)}) {
        linked_network net(250, seed);
        net.regular(4);
        for (auto& each : net.peers) each->services["echo/1"] = echo;
        int found = 0;
        net.messages = 0;
        constexpr int asked = 100;
        for (int i = 0; i < asked; ++i) {
            const auto from = net.any();
            const auto to = net.any();
            if (from == to) {
                ++found;
                continue;
            }
            const auto before = net.at(to).served;
            const auto got = ask(net, from, net.at(to).who, "text " + std::to_string(i), by(how));
            found += got && text_of(got->reply()) == "text " + std::to_string(i) + "!" ? 1 : 0;
            if (got) CHECK(got->answerer() == net.at(to).who.peer);
            CHECK(net.at(to).served <= before + 1);
        }
        CAPTURE(static_cast<int>(how.what()), net.messages / asked, found);
        CHECK(found >= 99);
        CHECK(net.messages / asked <= 300);
    }
}

TEST_CASE("peers on the way of a request to a peer see the target and sizes", "[request]") {
    linked_network net(8);
    row(net);
    net.at(7).services["echo/1"] = echo;
    const auto got = ask(net, 0, net.at(7).who, "the secret text");
    REQUIRE(got);
    CHECK(text_of(got->reply()) == "the secret text!");
    for (peer_index i = 1; i < 7; ++i) {
        REQUIRE(net.at(i).seen.size() == 1);
        const auto& seen = std::get<wire::request>(net.at(i).seen.front().goal);
        CHECK(seen.target == net.at(7).who.id);
        CHECK(seen.service.empty());
        CHECK(text_of(seen.body).find("secret") == std::string::npos);
        CHECK(net.at(i).served == 0);
        CHECK_FALSE(net.at(i).seen.front().asker);
    }
}

TEST_CASE("a request to a key is answered where its path ends, by as many as may answer", "[request]") {
    linked_network net(200);
    net.regular(6);
    for (auto& each : net.peers) each->services["echo/1"] = echo;
    int at_ends = 0;
    for (int i = 0; i < 20; ++i) {
        const auto key = random_id(net.random);
        const auto before = served(net);
        const auto got = ask(net, net.any(), request_target::key(key));
        REQUIRE(got);
        CHECK(got->answers.size() == 1);
        CHECK(served(net) == before + 1);
        const auto& answerer = net.at(net.places.at(node_id_of(got->answerer())));
        const auto next = answerer.table.closest(key, 1).front().id;
        at_ends += closer(key, answerer.who.id, next) ? 1 : 0;
    }
    // The others came as far as they may.
    CHECK(at_ends >= 15);
    for (const std::size_t wanted : {2U, 5U}) {
        const auto before = served(net);
        const auto got =
            ask(net, net.any(), request_target::key(random_id(net.random)), "x", by(proxied()).results(wanted));
        REQUIRE(got);
        CHECK(got->answers.size() <= wanted);
        CHECK(served(net) - before <= wanted);
        CHECK(served(net) > before);
    }
    const auto before = served(net);
    REQUIRE(ask(net, net.any(), request_target::key(random_id(net.random)), "x", by(direct()).results(3)));
    CHECK(served(net) - before <= 3);
}

TEST_CASE("a request to a key finds the only ones who serve it", "[request]") {
    linked_network net(6);
    row(net);
    net.at(3).services["rare/1"] = echo;
    const auto got = ask(net, 0, request_target::key(random_id(net.random)), "x", by(proxied()), "rare/1");
    REQUIRE(got);
    CHECK(node_id_of(got->answerer()) == net.at(3).who.id);
    CHECK(ask(net, 0, request_target::key(random_id(net.random)), "x", by(proxied()), "none/1").error() ==
          errc::not_found);
}

TEST_CASE("who does not serve, fails, takes too long or has too much to do says so", "[request]") {
    travel_rules rules;
    rules.requests_max = 1;
    linked_network net(5, 1, rules);
    row(net);
    auto& peer = net.at(4);
    const auto error = [&](const std::string& service) {
        return ask(net, 0, peer.who, "x", by(proxied()).timeout(5s), service).error();
    };
    peer.services["fails/1"] = [](service_question) -> task<result<bytes>> { co_return failure(application_error(7)); };
    peer.services["other/1"] = [](service_question) -> task<result<bytes>> { co_return failure(errc::store_full); };
    peer.services["throws/1"] = [](service_question) -> task<result<bytes>> {
        throw std::runtime_error("no");
        co_return bytes();
    };
    bool ended = false;
    struct on_end {
        bool& flag;
        ~on_end() { flag = true; }
    };
    peer.services["never/1"] = [&](service_question) -> task<result<bytes>> {
        const on_end noted{ended};
        co_await sleep_for(*net.env.time, 24h);
        co_return bytes();
    };
    peer.services["large/1"] = [](service_question what) -> task<result<bytes>> {
        co_return bytes(limits::request_bytes + (what.body.size() > 1 ? 1 : 0), 1);
    };
    CHECK(error("none/1") == errc::no_service);
    CHECK(error("fails/1") == application_error(7));
    CHECK(error("other/1") == errc::peer_error);
    CHECK(error("throws/1") == errc::peer_error);
    CHECK(error("never/1") == errc::timed_out);
    CHECK(ended);
    CHECK(ask(net, 0, peer.who, "x", by(proxied()), "large/1")->reply().size() == limits::request_bytes);
    CHECK(ask(net, 0, peer.who, "xx", by(proxied()), "large/1").error() == errc::peer_error);
    // One runs, the other one is told.
    task_group waiting(net.env.exec, [](std::string_view, const std::exception_ptr&) {});
    waiting.spawn("first", [](linked_network& in, contact to) -> task<> {
        (void)co_await in.at(0).queries.request(std::move(to), "never/1", bytes(), by(proxied()).timeout(20s));
    }(net, peer.who));
    net.loop.advance(1s);
    CHECK(error("fails/1") == errc::peer_busy);
    CHECK(peer.forwarding.counters().requests_refused == 1);
    // The asker goes away: the handler is cancelled, but not at once, since others may bring the same request.
    ended = false;
    waiting.terminate();
    net.loop.poll();
    net.loop.advance(4s);
    CHECK_FALSE(ended);
    net.loop.advance(2s);
    CHECK(ended);
    CHECK(error("fails/1") == application_error(7));
}

TEST_CASE("a proxy that changes or makes up replies is found out, and others bring the right one", "[request]") {
    // Two ways from 0 to 3.
    linked_network net(4);
    net.link(0, 1);
    net.link(1, 3);
    net.link(0, 2);
    net.link(2, 3);
    net.at(3).services["echo/1"] = echo;
    const auto forger = identity::generate(*net.env.secure_random);
    enum class lie { own_signature, changed, other_answer };
    for (const auto how : {lie::own_signature, lie::changed, lie::other_answer}) {
        const auto lies_before = net.at(0).forwarding.counters().lies;
        net.at(1).behaves = [&, how](peer_index, const wire::forward& query) -> task<std::optional<wire::message>> {
            const auto& asked = std::get<wire::request>(query.goal);
            const auto question = question_of(query.tag, asked.target, asked.service, asked.body);
            wire::gathered out;
            out.outcome = wire::gathered_outcome::found;
            auto reply = sign_reply(forger, question, as_bytes("forged"));
            if (how == lie::changed) std::ranges::copy(net.at(3).who.peer.data(), reply.body.begin() + 1);
            if (how == lie::other_answer) reply.kind = item_kind::immutable;
            out.items = {reply};
            co_return out;
        };
        const auto got = ask(net, 0, net.at(3).who);
        REQUIRE(got);
        CHECK(text_of(got->reply()) == "hello!");
        CHECK(net.at(0).forwarding.counters().lies == lies_before + 1);
    }
    // One that changes the request: the peer does not open it.
    net.at(1).behaves = [&](peer_index, const wire::forward& query) -> task<std::optional<wire::message>> {
        auto changed = query;
        std::get<wire::request>(changed.goal).body.back() ^= 1;
        peer_info from;
        from.who = net.at(1).who;
        from.proven = true;
        co_return co_await net.at(3).forwarding.answer(from, std::move(changed));
    };
    CHECK(ask(net, 0, net.at(3).who));
    CHECK(net.at(3).forwarding.counters().requests_unopened == 1);
}

TEST_CASE("a service that goes away between the arrival of a request and its start answers it all the same",
          "[request]") {
    linked_network net(2);
    row(net);
    auto& peer = net.at(1);
    peer.services["echo/1"] = echo;
    peer.behaves = [&](peer_index, const wire::forward&) -> task<std::optional<wire::message>> {
        // Runs behind the step in which the request arrives, and before the first one of its handler.
        asio::post(net.loop.context, [&peer] { peer.services.clear(); });
        co_return std::nullopt;
    };
    const auto got = ask(net, 0, peer.who);
    REQUIRE(got);
    CHECK(text_of(got->reply()) == "hello!");
    CHECK(peer.services.empty());
    CHECK(ask(net, 0, peer.who).error() == errc::no_service);
}

TEST_CASE("a reply that only its asker can see to be of no use is no lie of who brings it", "[request]") {
    linked_network net(3);
    row(net);
    // Signed as it should be, and sealed for nobody.
    net.at(2).behaves = [&](peer_index, const wire::forward& query) -> task<std::optional<wire::message>> {
        const auto& asked = std::get<wire::request>(query.goal);
        const auto question = question_of(query.tag, asked.target, asked.service, asked.body);
        wire::gathered out;
        out.outcome = wire::gathered_outcome::found;
        out.items = {sign_reply(*net.at(2).self, question, as_bytes("what is this"))};
        co_return out;
    };
    CHECK(ask(net, 0, net.at(2).who).error() == errc::not_found);
    CHECK(net.at(0).forwarding.counters().unfit > 0);
    CHECK(ask(net, 0, request_target::key(net.at(2).who.id)).error() == errc::not_found);
    for (const auto& each : net.peers) CHECK(each->forwarding.counters().lies == 0);
}

TEST_CASE("the ticket of a request is for no other one", "[request]") {
    linked_network net(3);
    row(net);
    net.at(2).services["echo/1"] = echo;
    net.at(2).services["other/1"] = echo;
    const auto to = request_target::key(net.at(2).who.id);
    std::function<void(wire::request&)> change;
    net.at(1).behaves = [&](peer_index, const wire::forward& query) -> task<std::optional<wire::message>> {
        auto changed = query;
        change(std::get<wire::request>(changed.goal));
        peer_info from;
        from.who = net.at(1).who;
        from.observed = from.who.addresses.front();
        from.proven = true;
        co_return co_await net.at(2).forwarding.answer(from, std::move(changed));
    };
    const auto& counts = net.at(2).forwarding.counters();
    change = [](wire::request&) {};
    CHECK(ask(net, 0, to, "x", by(direct())));
    CHECK(counts.forged_askers == 0);
    change = [](wire::request& asked) { asked.body.back() ^= 1; };
    CHECK_FALSE(ask(net, 0, to, "x", by(direct())));
    CHECK(counts.forged_askers == 1);
    change = [](wire::request& asked) { asked.service = "other/1"; };
    CHECK_FALSE(ask(net, 0, to, "x", by(direct())));
    CHECK(counts.forged_askers == 2);
    CHECK(net.at(2).served == 1);
}

TEST_CASE("a request that somebody sends again runs no handler, as long as it would open", "[request]") {
    linked_network net(3);
    row(net);
    auto& peer = net.at(2);
    peer.services["echo/1"] = echo;
    REQUIRE(ask(net, 0, peer.who, "x", by(proxied()).timeout(10s)));
    REQUIRE(peer.served == 1);
    auto recorded = peer.seen.front();
    peer_info from;
    from.who = net.at(1).who;
    from.proven = true;
    const auto again = [&] { return std::get<wire::gathered>(net.complete(peer.forwarding.answer(from, recorded))); };
    // For a while it is answered again.
    CHECK(again().items.size() == 1);
    // Its tag is forgotten, and it is not.
    net.loop.advance(5min);
    CHECK(again().items.empty());
    net.loop.advance(1min);
    recorded.hops = 0;
    again();
    CHECK(peer.forwarding.counters().requests_repeated == 3);
    CHECK(peer.forwarding.counters().duplicates == 1);
    // Under another tag it does not open.
    recorded.tag.data()[0] ^= 1;
    again();
    CHECK(peer.forwarding.counters().requests_unopened == 1);
    recorded.tag.data()[0] ^= 1;
    // Now that it is forgotten, too, it is out of date.
    net.loop.advance(10min);
    again();
    CHECK(peer.forwarding.counters().requests_unopened == 2);
    CHECK(peer.served == 1);
}

TEST_CASE("bodies over the limit, wrong names and hops that nobody takes are refused before anything is sent",
          "[request]") {
    linked_network net(3);
    row(net);
    net.at(2).services["echo/1"] = [](service_question what) -> task<result<bytes>> {
        co_return to_bytes(std::to_string(what.body.size()));
    };
    const auto sized = [&](std::size_t size, request_target to) {
        return net.complete(net.at(0).queries.request(std::move(to), "echo/1", bytes(size, 'x'), by(proxied())));
    };
    for (const auto& to : {request_target(net.at(2).who), request_target::key(net.at(2).who.id)}) {
        const auto most = sized(limits::request_bytes, to);
        REQUIRE(most);
        CHECK(text_of(most->reply()) == std::to_string(limits::request_bytes));
        const auto sent = net.messages;
        CHECK(sized(limits::request_bytes + 1, to).error() == errc::too_large);
        CHECK(ask(net, 0, to, "x", by(proxied()), "no name").error() == errc::bad_argument);
        CHECK(ask(net, 0, to, "x", by(proxied()).hops(33)).error() == errc::bad_argument);
        CHECK(net.messages == sent);
    }
}

TEST_CASE("peers that pass no requests on say so, and nothing is left behind by one", "[request]") {
    travel_rules rules;
    rules.bands.front().forwards_requests = false;
    linked_network net(3, 1, rules);
    row(net);
    CHECK(ask(net, 0, net.at(2).who).error() == errc::bad_argument);
    linked_network open(2);
    row(open);
    wire::forward query;
    wire::request goal;
    goal.service = "echo/1";
    query.goal = goal;
    query.lifetime = 5s;
    query.hops = 4;
    peer_info from;
    from.who = open.at(1).who;
    const auto absurd = [&](auto change) {
        auto changed = query;
        change(changed);
        const auto before = open.at(0).forwarding.counters().absurd;
        (void)open.complete(open.at(0).forwarding.answer(from, changed));
        return open.at(0).forwarding.counters().absurd > before;
    };
    CHECK_FALSE(absurd([](wire::forward&) {}));
    CHECK(absurd([](wire::forward& q) { q.storing = wire::storage_mode::cache; }));
    CHECK(absurd([](wire::forward& q) { q.storing = wire::storage_mode::answerer; }));
    CHECK(absurd([](wire::forward& q) { q.stream = true; }));
    CHECK(absurd([](wire::forward& q) { q.hidden = true; }));
}
