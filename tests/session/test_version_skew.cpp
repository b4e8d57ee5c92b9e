// A node of today among nodes of other versions, in each encoding: the first one's messages are read from
// tests/wire/golden/, those to come are written by tests/wire/future_messages.cpp.
#include <algorithm>

#include <mydht/wire/frame.hpp>

#include "handmade.hpp"
#include "wire/future_messages.hpp"
#include "wire/golden_files.hpp"
#include "wire/golden_messages.hpp"

namespace mydht::test {

namespace {

session_config only(const wire::any_codec& codec) {
    session_config out;
    out.codecs = {codec};
    return out;
}

/// A node, and a peer that speaks one encoding and says what the test has written down.
struct encounter {
    explicit encounter(const wire::any_codec& in) : codec(in), node(w, network, {}, make_handler()), other(only(in)) {
        where = w.run(node.pool->listen(mem("node"))).value();
        REQUIRE(w.run(other.dial(network.transport(), where)));
        w.poll();
        REQUIRE(node.opened.size() == 1);
        REQUIRE(node.opened.front().peer().codec == codec.id());
        REQUIRE(other.codec == codec.id());
    }
    ~encounter() {
        // Whatever came before, a request that both know is answered.
        bytes data;
        CHECK(codec.encode({last_id, wire::ping()}, data).has_value());
        const auto got = ask(data);
        CHECK((got && *got == wire::envelope{last_id, wire::nodes()}));
        CHECK(node.closed.empty());
        other.connection.close();
        w.run(node.pool->stop(1s));
    }

    request_handler make_handler() {
        return [this](peer_info, wire::message what) { return answer(std::move(what)); };
    }
    task<wire::message> answer(wire::message what) {
        taken.push_back(std::move(what));
        co_return wire::nodes();
    }

    void say(bytes_view message) {
        bytes frames;
        wire::append_frame(frames, wire::frame_kind::message, wire::control_channel, message);
        CHECK(w.run(other.say(std::move(frames))));
    }
    std::optional<wire::envelope> ask(bytes_view message) {
        say(message);
        return w.run(other.hear_message(codec));
    }

    static constexpr std::uint64_t last_id = 1'000'000;

    wire::any_codec codec;
    world w;
    memory_network network;
    std::vector<wire::message> taken;  ///< requests that the node's handler got
    peer node;
    handmade other;
    address where;
};

wire::any_codec each_codec() {
    const auto all = wire::all_codecs();
    return all[static_cast<std::size_t>(GENERATE(range(0, static_cast<int>(wire::all_codecs().size()))))];
}

task<> ask_node(session link, steady_time until, std::optional<result<wire::message>>& out) {
    out.emplace(co_await link.request(wire::ping(), until));
}

}  // namespace

TEST_CASE("what nodes of the first version ask is understood and answered", "[session][codec][golden]") {
    const auto codec = each_codec();
    CAPTURE(codec.name());
    encounter f(codec);
    for (const auto& line : golden_lines(codec)) {
        const auto messages = golden_messages();
        const auto what = std::ranges::find(messages, line.id, &wire::envelope::id);
        REQUIRE(what != messages.end());
        if (!wire::is_request(what->body)) continue;
        CAPTURE(line.id, line.kind);
        const auto got = f.ask(line.data);
        REQUIRE(got.has_value());
        CHECK(*got == wire::envelope{line.id, wire::nodes()});
        REQUIRE_FALSE(f.taken.empty());
        CHECK(f.taken.back() == what->body);
    }
    CHECK(f.taken.size() >= 8);
}

TEST_CASE("what nodes of the first version say without being asked ends no session", "[session][codec][golden]") {
    const auto codec = each_codec();
    CAPTURE(codec.name());
    encounter f(codec);
    for (const auto& line : golden_lines(codec)) {
        if (line.kind == "cancel") f.say(line.data);
    }
    f.w.advance(1s);
    CHECK(f.taken.empty());
}

TEST_CASE("requests that do not exist yet are answered: they are not supported", "[session][codec]") {
    const auto codec = each_codec();
    CAPTURE(codec.name());
    encounter f(codec);
    const auto later = messages_to_come(codec);
    for (const auto& request : {later.unknown_request, later.newer_version}) {
        const auto got = f.ask(request);
        REQUIRE(got.has_value());
        CHECK(got->id == newer_messages::id);
        const auto* why = std::get_if<wire::error>(&got->body);
        REQUIRE(why != nullptr);
        CHECK(why->code == wire::error_code::not_supported);
    }
    CHECK(f.taken.empty());
}

TEST_CASE("notices that do not exist yet are dropped", "[session][codec]") {
    const auto codec = each_codec();
    CAPTURE(codec.name());
    encounter f(codec);
    f.say(messages_to_come(codec).unknown_notice);
    f.w.advance(1s);
    CHECK(f.node.closed.empty());
    CHECK(f.taken.empty());
}

TEST_CASE("an answer that does not exist yet fails its request, and no other", "[session][codec]") {
    const auto codec = each_codec();
    CAPTURE(codec.name());
    encounter f(codec);
    std::optional<result<wire::message>> outcome;
    asio::co_spawn(f.w.context, ask_node(f.node.opened.front(), f.node.in(10s), outcome), [](std::exception_ptr) {});
    f.w.poll();
    const auto asked = f.w.run(f.other.hear_message(codec));
    REQUIRE(asked.has_value());
    CHECK(asked->body == wire::message(wire::ping()));
    f.say(unknown_answer_to(codec, asked->id));
    f.w.poll();
    REQUIRE(outcome.has_value());
    REQUIRE_FALSE(outcome->has_value());
    CHECK(outcome->error() == errc::not_supported);
}

}  // namespace mydht::test
