// Services of nodes that nobody can connect to.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "node/few_known.hpp"
#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace mydht::test;
using namespace std::chrono_literals;

namespace {

constexpr node_index servers = 20;

struct lines_kept final : log_sink {
    /// Without the time and the node.
    void write(log_level, std::string_view, std::string_view line) override {
        lines.emplace_back(line.substr(line.find(": ") + 2));
    }
    std::vector<std::string> lines;
};

task<result<bytes>> tell(incoming_call& call) {
    co_return to_bytes(std::string(as_text(call.request())) + (call.travelled() ? " travelled" : " came"));
}

/// Nodes that know six others each; those from `servers` on listen nowhere.
scenario_config some_listen() {
    auto config = few_known(47, false, true);
    config.configure = [few = config.configure](node_index index, node_config& each) {
        few(index, each);
        if (index >= servers) each.listen.clear();
    };
    return config;
}

std::string ask(scenario& s, node_index from, request_target to, query_mode how) {
    const auto got = s.run(s.at(from).request(std::move(to), "tell/1", to_bytes("x"), request_options().mode(how)));
    return got ? std::string(as_text(got->reply())) : got.error().message();
}

}  // namespace

TEST_CASE("a request reaches a node that listens nowhere, by a session that it has", "[ways-in]") {
    scenario s(some_listen());
    REQUIRE(s.grow(servers + 2) == 0);
    constexpr node_index asker = servers;
    constexpr node_index answerer = servers + 1;
    s.at(answerer).serve("tell/1", make_call_service(tell), serve_options().forwarded());
    s.world().run_for(2s);
    const auto by_id = request_target::peer(s.id_of(answerer));
    const auto by_contact = request_target(s.at(answerer).as_contact());
    REQUIRE(s.at(answerer).as_contact().addresses.empty());
    for (const auto how : {proxied(), mixed(1)}) {
        CHECK(ask(s, asker, by_id, how) == "x travelled");
        CHECK(ask(s, asker, by_contact, how) == "x travelled");
    }
    for (const auto how : {proxied(), mixed(1), direct()}) {
        CHECK(ask(s, 3, by_id, how) == "x travelled");
        CHECK(ask(s, 3, by_contact, how) == "x travelled");
    }
    CHECK(ask(s, asker, by_id, iterative()) == make_error_code(errc::not_found).message());
    CHECK(ask(s, asker, by_id, direct()) == make_error_code(errc::unsupported_address).message());
    // Sessions are closed when they are idle, others open; the way stays.
    for (int i = 0; i < 4; ++i) {
        s.world().run_for(7min);
        CHECK(ask(s, asker, by_id, proxied()) == "x travelled");
    }
    s.run(s.at(answerer).stop());
    CHECK(ask(s, asker, by_id, proxied()) == make_error_code(errc::not_found).message());
}

TEST_CASE("who looks up a node that listens nowhere gets its key and no address", "[ways-in]") {
    scenario s(some_listen());
    REQUIRE(s.grow(servers + 1) == 0);
    s.at(servers).serve("tell/1", make_call_service(tell), serve_options().forwarded());
    s.world().run_for(2s);
    const auto found = s.run(s.at(3).lookup(s.id_of(servers), get_options().mode(proxied())));
    REQUIRE(found);
    REQUIRE(found->closest.size() == 1);
    CHECK(found->closest.front().peer == s.at(servers).key());
    CHECK(found->closest.front().addresses.empty());
    const auto usual = s.run(s.at(3).lookup(s.id_of(7), get_options().mode(proxied())));
    REQUIRE(usual);
    CHECK_FALSE(usual->closest.front().addresses.empty());
    // In nobody's table: those who walk themselves do not find it.
    const auto walked = s.run(s.at(3).lookup(s.id_of(servers)));
    REQUIRE(walked);
    CHECK(std::ranges::find(walked->closest, s.id_of(servers), &contact::id) == walked->closest.end());
}

TEST_CASE("the session of a node that listens nowhere is a way for requests to it and for nothing else", "[ways-in]") {
    scenario s(some_listen());
    REQUIRE(s.grow(servers + 2) == 0);
    constexpr node_index serves = servers;
    constexpr node_index does_not = servers + 1;
    s.at(serves).serve("tell/1", make_call_service(tell), serve_options().forwarded());
    s.world().run_for(2s);
    for (int i = 0; i < 10; ++i) {
        const auto key = s.run(s.at(3).put(value::immutable("value " + std::to_string(i)),
                                           put_options().mode(proxied()).along_the_path()));
        REQUIRE(key);
        CHECK(s.run(s.at(5).get(*key, get_options().mode(proxied()))));
        // One to a key is for those who pass queries on, however near the node is.
        CHECK(ask(s, 3, request_target::key(s.id_of(serves)), proxied()) == make_error_code(errc::not_found).message());
    }
    CHECK(ask(s, 3, request_target::peer(s.id_of(does_not)), proxied()) == make_error_code(errc::not_found).message());
    for (const auto client : {serves, does_not}) {
        const auto status = s.run(s.at(client).status());
        CHECK(status.forwarded.served == 0);
        CHECK(status.stored.entries == 0);
    }
    CHECK(ask(s, 3, request_target::peer(s.id_of(serves)), proxied()) == "x travelled");
    CHECK(s.run(s.at(serves).status()).forwarded.served == 1);
}

TEST_CASE("a node that no request can reach says so once", "[ways-in]") {
    const auto said = std::make_shared<lines_kept>();
    const auto& lines = said->lines;
    scenario_config config;
    config.world.log = logger(said, log_level::warning);
    config.configure = [](node_index index, node_config& each) {
        each.bootstrap.clear();
        if (index == 0) each.listen.clear();
        if (index == 2) each.forwarding.bands.front().forwards_requests = false;
    };
    scenario s(std::move(config));
    REQUIRE(s.grow(3) == 0);
    s.world().run_for(10min);
    CHECK(lines.empty());
    s.at(1).serve("tell/1", make_call_service(tell), serve_options().forwarded());
    s.world().run_for(10min);
    CHECK(lines.empty());
    const std::string begins = "requests that travel do not reach the services of this node: ";
    for (const auto index : {node_index{0}, node_index{2}}) {
        s.at(index).serve("tell/1", make_call_service(tell), serve_options().forwarded());
        s.world().run_for(10min);
    }
    CHECK(lines == std::vector{begins + "this node listens nowhere and knows no peer",
                               begins + "its rules let no requests through"});
}
