#include <mydht/node/capnp_service.hpp>

#include <algorithm>
#include <stdexcept>

#include <mydht/runtime/deadline.hpp>
#include <mydht/runtime/wait_queue.hpp>
#include <mydht/sim/scenario.hpp>
#include <mydht/wire/stream_limits.hpp>

#include "calls.capnp.h"
#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace std::chrono_literals;

namespace {

using question_call = capnp_call<Question, Answer>;

task<> repeat(question_call& call) {
    const auto asked = call.request();
    auto texts = call.response().initTexts(asked.getTimes());
    for (std::uint32_t i = 0; i < asked.getTimes(); ++i) texts.set(i, asked.getText());
    co_return;
}

std::function<void(Question::Builder)> question(std::string text, std::uint32_t times) {
    return [text = std::move(text), times](Question::Builder q) {
        q.setText(text);
        q.setTimes(times);
    };
}

task<result<std::size_t>> give_bytes(std::shared_ptr<std::size_t> left, bytes_span into) {
    const auto count = std::min({*left, into.size(), std::size_t{1000}});
    std::fill_n(into.begin(), count, std::uint8_t{7});
    *left -= count;
    co_return count;
}

attachment of_size(std::size_t said, std::size_t given) {
    attachment out;
    out.size = said;
    auto left = std::make_shared<std::size_t>(given);
    out.read_some = [left](bytes_span into) { return give_bytes(left, into); };
    return out;
}

/// Reads as much of the attachment as it is asked for by `times`.
task<> count_attachment(question_call& call) {
    std::uint64_t sum = 0;
    bytes part(700);
    while (sum < call.request().getTimes()) {
        const auto got = co_await call.call().read_attachment(part);
        if (!got) break;
        sum += *got;
    }
    call.response().setAttached(sum);
}

}  // namespace

TEST_CASE("calls carry messages of the application's schema", "[node][calls]") {
    scenario s({});
    REQUIRE(s.grow(5) == 0);
    serve_calls<Question, Answer>(s.at(1), "repeat/1", repeat);
    for (const std::uint32_t times : {0U, 1U, 3U, 2000U}) {
        const auto answer = s.run(call<Question, Answer>(s.at(0), s.id_of(1), "repeat/1", question("so be it", times)));
        REQUIRE(answer);
        CHECK(answer->root().getTexts().size() == times);
        for (const auto text : answer->root().getTexts()) REQUIRE(std::string(text.cStr()) == "so be it");
        const auto size = answer->read([](Answer::Reader a) { return a.getTexts().size(); });
        CHECK(size == times);
    }
    const auto none = s.run(call<Question, Answer>(s.at(0), s.id_of(2), "repeat/1", question("x", 1)));
    CHECK(none.error() == errc::no_service);
    const auto self = s.run(call<Question, Answer>(s.at(0), s.id_of(0), "repeat/1", question("x", 1)));
    CHECK(self.error() == errc::self_connection);
}

TEST_CASE("an attachment is sent when it is read, and not a byte more than was said", "[node][calls]") {
    scenario s({});
    REQUIRE(s.grow(2) == 0);
    serve_calls<Question, Answer>(s.at(1), "count/1", count_attachment);
    const auto attached = [&](std::uint32_t reads, std::size_t said, std::size_t given) {
        call_options with;
        with.attach(of_size(said, given));
        return s.run(call<Question, Answer>(s.at(0), s.id_of(1), "count/1", question("", reads), std::move(with)));
    };
    const std::uint32_t all = 100'000'000;
    for (const std::size_t size : {std::size_t{1}, std::size_t{700}, std::size_t{1'000'000}}) {
        const auto answer = attached(all, size, size);
        REQUIRE(answer);
        CHECK(answer->root().getAttached() == size);
    }
    // Not read at all, and only in part: the answer comes all the same.
    CHECK(attached(0, 1'000'000, 0)->root().getAttached() == 0);
    const auto part = attached(1, 3'000'000, 3'000'000);
    REQUIRE(part);
    CHECK(part->root().getAttached() <= 700);
    // A source that ends early is a bug of the caller's.
    CHECK(attached(all, 5000, 4000).error() == errc::bad_argument);
    // Without one there is nothing to read.
    const auto none = s.run(call<Question, Answer>(s.at(0), s.id_of(1), "count/1", question("", all)));
    REQUIRE(none);
    CHECK(none->root().getAttached() == 0);
}

namespace {

task<> refuse(question_call& call) {
    call.call().refuse_attachment();
    co_return;
}

task<> fail(question_call&) {
    throw std::runtime_error("on purpose");
    co_return;
}

task<> wait_for_ever(int& cancelled, question_call&) {
    wait_queue never;
    try {
        co_await never.wait();
    } catch (...) {
        ++cancelled;
        throw;
    }
}

}  // namespace

TEST_CASE("a call that comes to nothing says why", "[node][calls]") {
    scenario s({});
    REQUIRE(s.grow(2) == 0);
    auto& server = s.at(1);
    int cancelled = 0;
    serve_calls<Question, Answer>(server, "refuse/1", refuse);
    serve_calls<Question, Answer>(server, "fail/1", fail);
    serve_calls<Question, Answer>(server, "repeat/1", repeat);
    capnp_handler<Question, Answer> waits = [&](question_call& c) { return wait_for_ever(cancelled, c); };
    serve_calls<Question, Answer>(server, "wait/1", waits);
    call_limits small;
    small.message_bytes = 1000;
    small.attachment_bytes = 5000;
    serve_calls<Question, Answer>(server, "small/1", repeat, small);

    const auto ask = [&](std::string service, const std::string& text, call_options with) {
        return s.run(
            call<Question, Answer>(s.at(0), s.id_of(1), std::move(service), question(text, 1), std::move(with)));
    };
    call_options attached;
    attached.attach(of_size(5001, 5001));
    CHECK(ask("refuse/1", "x", std::move(attached)).error() == errc::attachment_refused);
    CHECK(ask("fail/1", "x", call_options()).error() == errc::peer_error);
    call_options over;
    over.attach(of_size(5001, 5001));
    CHECK(ask("small/1", "x", std::move(over)).error() == errc::attachment_refused);
    call_options exact;
    exact.attach(of_size(5000, 5000));
    CHECK(ask("small/1", "x", std::move(exact)));
    // 16 bytes of table and root, the two fields, and the text with its zero in words.
    CHECK(ask("small/1", std::string(900, 'x'), call_options()));
    CHECK(ask("small/1", std::string(1000, 'x'), call_options()).error() == errc::peer_error);
    call_options tight;
    tight.limits(small);
    CHECK(ask("repeat/1", std::string(1000, 'x'), std::move(tight)).error() == errc::too_large);

    call_options hurry;
    hurry.timeout(2s);
    CHECK(ask("wait/1", "x", std::move(hurry)).error() == errc::timed_out);
    s.world().run_for(1s);
    CHECK(cancelled == 1);
}

namespace {

task<result<bytes>> reverse(incoming_call& call) {
    bytes out(call.request().rbegin(), call.request().rend());
    co_return out;
}

task<> end_at_once(stream over) {
    over.close();
    co_return;
}

}  // namespace

TEST_CASE("a peer whose addresses are known is called without being looked for", "[node][calls]") {
    scenario_config apart;
    apart.bootstraps = 0;
    scenario s(apart);
    REQUIRE(s.grow(2) == 0);
    s.at(1).serve("reverse/1", make_call_service(reverse));
    serve_calls<Question, Answer>(s.at(1), "repeat/1", repeat);
    const auto peer = s.at(1).as_contact();
    CHECK_FALSE(s.run(s.at(0).call(peer.id, "reverse/1", to_bytes("abc"))));
    const auto answer = s.run(s.at(0).call(peer, "reverse/1", to_bytes("abc")));
    REQUIRE(answer);
    CHECK(as_text(*answer) == "cba");
    const auto repeated = s.run(call<Question, Answer>(s.at(0), peer, "repeat/1", question("again", 2)));
    REQUIRE(repeated);
    CHECK(repeated->root().getTexts().size() == 2);

    CHECK(s.run(s.at(1).call(peer, "reverse/1", bytes())).error() == errc::self_connection);
    s.run(s.at(0).stop());
    CHECK(s.run(s.at(0).call(peer, "reverse/1", bytes())).error() == errc::not_running);
}

TEST_CASE("a service that answers no calls cuts them short", "[node][calls]") {
    scenario s({});
    REQUIRE(s.grow(2) == 0);
    s.at(1).serve("stream/1", end_at_once);
    CHECK(s.run(s.at(0).call(s.id_of(1), "stream/1", to_bytes("abc"))).error() == errc::truncated);
}

namespace {

/// Says these bytes on a stream to the service, and gives what comes back.
task<result<bytes>> say_raw(node& from, node_id to, std::string service, bytes said) {
    auto opened = co_await from.open(to, std::move(service));
    if (!opened) co_return failure(opened.error());
    (void)co_await opened->write(said);
    (void)co_await opened->finish();
    bytes out;
    bytes part(100);
    for (;;) {
        const auto got = co_await opened->read_some(part);
        if (!got && got.error() == errc::end_of_stream) co_return out;
        if (!got) co_return failure(got.error());
        out.insert(out.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*got));
    }
}

task<> answer_raw(bytes what, stream over) {
    (void)co_await over.write(what);
    over.close();
}

/// A service that answers with these bytes whatever it is asked.
service_handler answers(bytes what) {
    return [what = std::move(what)](stream over) { return answer_raw(what, std::move(over)); };
}

bytes request_of(bytes message, std::uint64_t attached = 0) {
    bytes out;
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(message.size() >> (8 * i)));
    for (int i = 0; i < 8; ++i) out.push_back(static_cast<std::uint8_t>(attached >> (8 * i)));
    out.insert(out.end(), message.begin(), message.end());
    return out;
}

}  // namespace

TEST_CASE("what is no request or no response ends the call, and nothing else", "[node][calls][hostile]") {
    scenario s({});
    REQUIRE(s.grow(2) == 0);
    serve_calls<Question, Answer>(s.at(1), "repeat/1", repeat);
    capnp::MallocMessageBuilder builder;
    auto q = builder.initRoot<Question>();
    q.setText("hello");
    q.setTimes(2);
    const auto good = mydht::detail::to_bytes_of(builder);
    const auto answer = s.run(say_raw(s.at(0), s.id_of(1), "repeat/1", request_of(good)));
    REQUIRE(answer);
    for (std::size_t size = 0; size < request_of(good).size(); ++size) {
        auto cut = request_of(good);
        cut.resize(size);
        CHECK_FALSE(s.run(say_raw(s.at(0), s.id_of(1), "repeat/1", cut)));
    }
    for (std::size_t at = 0; at < good.size(); ++at) {
        auto bent = good;
        bent[at] ^= 0x55;
        // Whatever it means now: the node goes on.
        (void)s.run(say_raw(s.at(0), s.id_of(1), "repeat/1", request_of(bent)));
    }
    CHECK(s.run(say_raw(s.at(0), s.id_of(1), "repeat/1", request_of(bytes(1024 * 1024 + 1)))).error() ==
          errc::stream_reset);

    for (std::size_t size = 0; size <= answer->size(); ++size) {
        auto cut = *answer;
        cut.resize(size);
        s.at(1).serve("raw/1", answers(cut));
        const auto got = s.run(call<Question, Answer>(s.at(0), s.id_of(1), "raw/1", question("", 0)));
        CHECK(got.has_value() == (size == answer->size()));
    }
    for (const bytes& odd : {bytes{3}, bytes{1}, bytes{2, 0xff, 0xff, 0xff, 0xff}, bytes{2, 3, 0, 0, 0, 1, 2, 3}}) {
        s.at(1).serve("raw/1", answers(odd));
        const auto got = s.run(call<Question, Answer>(s.at(0), s.id_of(1), "raw/1", question("", 0)));
        CHECK_FALSE(got);
    }
    CHECK(s.run(call<Question, Answer>(s.at(0), s.id_of(1), "repeat/1", question("fine", 1))));
}

namespace {

task<std::error_code> call_error(node& from, node_id to, std::string service) {
    const auto answer = co_await call<Question, Answer>(from, to, std::move(service), question("x", 1));
    co_return answer ? std::error_code() : answer.error();
}

/// Says the beginning of a request, and then nothing for a long time.
task<std::error_code> dawdle(node& from, node_id to, std::string service, bytes said, time_source& time) {
    auto opened = co_await from.open(to, std::move(service));
    if (!opened) co_return opened.error();
    (void)co_await opened->write(said);
    bytes one(1);
    auto reading = opened->read_some(one);
    const auto got = co_await with_deadline(time, time.now() + 60s, std::move(reading));
    co_return got ? std::error_code() : got.error();
}

}  // namespace

TEST_CASE("a request that does not come whole is broken off after its time", "[node][calls][hostile]") {
    scenario s({});
    REQUIRE(s.grow(2) == 0);
    call_limits limits;
    limits.message_time = 5s;
    serve_calls<Question, Answer>(s.at(1), "repeat/1", repeat, limits);
    auto begun = request_of(bytes(1000));
    for (const std::size_t size : {std::size_t{0}, std::size_t{5}, std::size_t{12}, begun.size() - 1}) {
        auto part = begun;
        part.resize(size);
        const auto before = s.world().now();
        CHECK(s.run(dawdle(s.at(0), s.id_of(1), "repeat/1", part, *s.world().node_environment(0).time)) ==
              errc::stream_reset);
        CHECK(s.world().now() - before >= 5s);
        CHECK(s.world().now() - before < 7s);
    }
}

TEST_CASE("one peer has so many calls at a time, and another one its own", "[node][calls][hostile]") {
    scenario s({});
    REQUIRE(s.grow(3) == 0);
    int cancelled = 0;
    call_limits limits;
    limits.calls_per_peer = 3;
    capnp_handler<Question, Answer> waits = [&](question_call& c) { return wait_for_ever(cancelled, c); };
    serve_calls<Question, Answer>(s.at(2), "wait/1", waits, limits);
    std::vector<task<std::error_code>> calls;
    for (int i = 0; i < 4; ++i) calls.push_back(call_error(s.at(0), s.id_of(2), "wait/1"));
    calls.push_back(call_error(s.at(1), s.id_of(2), "wait/1"));
    const auto ends = s.run_all(std::move(calls));
    REQUIRE(ends.size() == 5);
    CHECK(std::ranges::count(ends, make_error_code(errc::too_many_streams)) == 1);
    CHECK(std::ranges::count(ends, make_error_code(errc::timed_out)) == 4);
    CHECK(ends.back() == errc::timed_out);
    s.world().run_for(1s);
    CHECK(cancelled == 4);
    // Those places are free again.
    CHECK(s.run(call_error(s.at(0), s.id_of(2), "wait/1")) == errc::timed_out);
}

namespace {

task<result<bytes>> wait_with_request(incoming_call&) {
    wait_queue forever;
    co_await forever.wait();
    co_return bytes();
}

task<result<bytes>> answer_size(incoming_call& call) { co_return bytes(1, call.request().size() > 0 ? 1 : 0); }

task<std::error_code> error_of_call(node& from, node_id to, std::string service, std::size_t size,
                                    std::chrono::milliseconds timeout) {
    call_limits limits;
    limits.message_bytes = size;
    call_options options;
    options.limits(limits).timeout(timeout);
    const auto got = co_await from.call(to, std::move(service), bytes(size, 7), std::move(options));
    co_return got ? std::error_code() : got.error();
}

task<std::error_code> error_of_late_call(time_source& time, duration pause, task<std::error_code> call) {
    co_await sleep_for(time, pause);
    co_return co_await std::move(call);
}

}  // namespace

TEST_CASE("a call for whose request there is no memory is refused, and its caller told", "[node][calls][hostile]") {
    constexpr std::size_t share = wire::initial_session_window;
    const bool datagrams = GENERATE(false, true);
    CAPTURE(datagrams);
    scenario_config config;
    config.streams = !datagrams;
    config.datagrams = datagrams;
    config.configure = [](node_index, node_config& each) {
        each.sessions.session_window_bytes = share;
        each.sessions.stream_receive_bytes_total = 8 * share;
    };
    scenario s(std::move(config));
    REQUIRE(s.grow(10) == 0);
    call_limits limits;
    limits.message_bytes = 8 * share;
    s.at(9).serve("size/1", make_call_service(answer_size, limits));
    s.at(9).serve("wait/1", make_call_service(wait_with_request, limits));
    const auto size = [&](node_index from, std::size_t bytes) {
        return s.run(error_of_call(s.at(from), s.id_of(9), "size/1", bytes, 10s));
    };
    // What one session may hold, with a little for the streams themselves.
    CHECK_FALSE(size(0, share / 2));
    CHECK(size(0, share + 1) == errc::peer_busy);
    CHECK_FALSE(size(0, share / 2));
    // What all of them may: eight that wait with their requests leave a part of their shares to a ninth.
    std::vector<task<std::error_code>> calls;
    for (node_index i = 0; i < 8; ++i)
        calls.push_back(error_of_call(s.at(i), s.id_of(9), "wait/1", share / 16 * 15, 8s));
    auto& time = *s.world().node_environment(8).time;
    auto ninth = error_of_call(s.at(8), s.id_of(9), "size/1", share / 16 * 15, 5s);
    calls.push_back(error_of_late_call(time, 5s, std::move(ninth)));
    auto small = error_of_call(s.at(8), s.id_of(9), "size/1", share / 16, 5s);
    calls.push_back(error_of_late_call(time, 5500ms, std::move(small)));
    const auto ends = s.run_all(std::move(calls));
    REQUIRE(ends.size() == 10);
    for (std::size_t i = 0; i < 8; ++i) CHECK(ends[i] == errc::timed_out);
    CHECK(ends[8] == errc::peer_busy);
    CHECK_FALSE(ends[9]);
    // Those that were given up hold nothing any more.
    CHECK_FALSE(size(8, share / 16 * 15));
}
