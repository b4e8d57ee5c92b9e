#include <algorithm>
#include <string>

#include <mydht/core/body.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/crypto/service_request.hpp>

#include "support/catch.hpp"
#include "support/prng_source.hpp"

using namespace mydht;
using namespace mydht::test;
using namespace std::chrono_literals;

namespace {

const auto self = *identity::from_seed(bytes(32, 0xab));
const auto other = *identity::from_seed(bytes(32, 0xcd));
const wall_time now{1'700'000'000'000ms};
constexpr auto lifetime_max = 60'000ms;

loop_tag tag_of(std::uint8_t first) {
    loop_tag out;
    out.data()[0] = first;
    return out;
}

service_request example(bytes body = to_bytes("hello"), wall_time deadline = now + 5s) {
    service_request out;
    out.deadline = deadline;
    out.number = tag_of(9);
    out.service = "echo/1";
    out.body = std::move(body);
    return out;
}

std::string text_of(bytes_view data) { return {data.begin(), data.end()}; }

struct fixture {
    prng_source random{7};

    sealed_request seal(const service_request& what, const loop_tag& tag = tag_of(1)) {
        return sealed_request::make(self.key(), tag, what, random).value();
    }
    std::error_code open_error(bytes_view sealed, const identity& who = self, const loop_tag& tag = tag_of(1),
                               wall_time at = now) {
        const auto opened = opened_request::open(who, tag, sealed, at, lifetime_max, random);
        return opened ? std::error_code() : opened.error();
    }
};

}  // namespace

TEST_CASE_METHOD(fixture, "a sealed request and its reply open to what was said", "[service_request]") {
    const auto what = example();
    const auto sent = seal(what);
    auto opened = opened_request::open(self, tag_of(1), sent.body(), now, lifetime_max, random);
    REQUIRE(opened);
    CHECK(opened->what() == what);
    const auto reply = opened->seal(as_bytes("reply"));
    REQUIRE(reply);
    CHECK(text_of(sent.open_reply(*reply).value()) == "reply");
    // A second reply would be sealed with the first one's key.
    CHECK(opened->seal(as_bytes("another")).error() == errc::handshake_order);
}

TEST_CASE_METHOD(fixture, "a sealed request opens for nobody else, under no other tag, and when nothing was changed",
                 "[service_request]") {
    const auto sent = seal(example());
    CHECK_FALSE(open_error(sent.body()));
    CHECK(open_error(sent.body(), other) == errc::decrypt_failed);
    CHECK(open_error(sent.body(), self, tag_of(2)) == errc::decrypt_failed);
    for (std::size_t at = 0; at < sent.body().size(); ++at) {
        CAPTURE(at);
        auto changed = sent.body();
        changed[at] ^= 1;
        CHECK(open_error(changed));
        CHECK(open_error(bytes_view(sent.body()).first(at)));
    }
    // The name of the service and the text are nowhere in it.
    CHECK(text_of(sent.body()).find("echo") == std::string::npos);
    CHECK(text_of(sent.body()).find("hello") == std::string::npos);
    CHECK(seal(example()).body() != sent.body());
}

TEST_CASE_METHOD(fixture,
                 "a reply that was changed, or is another request's, does not open, and the right one still does",
                 "[service_request]") {
    const auto sent = seal(example());
    const auto second = seal(example());
    const auto reply_to = [&](const sealed_request& which) {
        return opened_request::open(self, tag_of(1), which.body(), now, lifetime_max, random)
            ->seal(as_bytes("x"))
            .value();
    };
    auto changed = reply_to(sent);
    changed.back() ^= 1;
    CHECK(sent.open_reply(changed).error() == errc::decrypt_failed);
    CHECK(sent.open_reply(reply_to(second)).error() == errc::decrypt_failed);
    CHECK(sent.open_reply(bytes()).error() == errc::truncated);
    CHECK(text_of(sent.open_reply(reply_to(sent)).value()) == "x");
    // Two replies to one request, as after a repetition, have different keys.
    CHECK(reply_to(sent) != reply_to(sent));
}

TEST_CASE_METHOD(fixture, "the deadline inside a sealed request counts, with the clocks' difference",
                 "[service_request]") {
    const auto opens_at = [&](wall_time deadline) { return open_error(seal(example({}, deadline)).body()); };
    CHECK_FALSE(opens_at(now - limits::clock_skew_max + 1ms));
    CHECK(opens_at(now - limits::clock_skew_max) == errc::value_expired);
    CHECK_FALSE(opens_at(now + lifetime_max + limits::clock_skew_max));
    CHECK(opens_at(now + lifetime_max + limits::clock_skew_max + 1ms) == errc::value_expired);
    CHECK(opens_at(wall_time(-1ms)) == errc::value_expired);
}

TEST_CASE_METHOD(fixture, "requests and replies have limits", "[service_request]") {
    const auto error = [&](const service_request& what) {
        const auto made = sealed_request::make(self.key(), tag_of(1), what, random);
        return made ? std::error_code() : made.error();
    };
    auto longest = example(bytes(limits::request_bytes, 1));
    longest.service = std::string(limits::service_name_bytes, 'n');
    const auto sent = seal(longest);
    CHECK(sent.body().size() <= limits::request_body_bytes);
    CHECK(opened_request::open(self, tag_of(1), sent.body(), now, lifetime_max, random)->what() == longest);
    CHECK(error(example(bytes(limits::request_bytes + 1, 1))) == errc::too_large);
    longest.service += 'n';
    CHECK(error(longest) == errc::bad_argument);
    longest.service.clear();
    CHECK(error(longest) == errc::bad_argument);
    // No point of the curve.
    CHECK(sealed_request::make(public_key(), tag_of(1), example(), random).error() == errc::bad_key);

    service_reply reply;
    reply.body = bytes(limits::request_bytes, 2);
    CHECK(decode_reply(encode_reply(reply)).value() == reply);
    reply.body.push_back(2);
    CHECK(decode_reply(encode_reply(reply)).error() == errc::too_large);
}

TEST_CASE("what a service says decodes to itself, and nothing else does", "[service_request]") {
    for (const auto outcome : {reply_outcome::done, reply_outcome::failed, reply_outcome::no_service,
                               reply_outcome::busy, reply_outcome::late}) {
        service_reply reply;
        reply.outcome = outcome;
        if (outcome == reply_outcome::done) reply.body = to_bytes("body");
        if (outcome == reply_outcome::failed) reply.code = 0x01020304;
        CHECK(decode_reply(encode_reply(reply)).value() == reply);
    }
    CHECK(to_hex(encode_reply({reply_outcome::failed, 0x01020304, {}})) == "0104030201");
    CHECK(decode_reply(bytes()).error() == errc::truncated);
    CHECK(decode_reply(bytes{5}).error() == errc::malformed);
    CHECK(decode_reply(bytes{1, 0, 0, 0}).error() == errc::truncated);
    CHECK(decode_reply(bytes{2, 0}).error() == errc::trailing_bytes);
}

TEST_CASE("a reply is signed for one question, by who is named", "[service_request]") {
    const auto question = question_of(tag_of(1), id256(), "echo/1", as_bytes("body"));
    const auto made = sign_reply(self, question, as_bytes("answer"));
    const auto opened = open_reply(made, question);
    REQUIRE(opened);
    CHECK(opened->answerer == self.key());
    CHECK(text_of(opened->payload) == "answer");
    const auto error = [&](auto change) {
        auto changed = made;
        change(changed);
        const auto got = open_reply(changed, question);
        return got ? std::error_code() : got.error();
    };
    CHECK(error([](item& i) { i.body.back() ^= 1; }) == errc::bad_signature);
    CHECK(error([](item& i) { i.sig.data()[0] ^= 1; }) == errc::bad_signature);
    CHECK(error([](item& i) { std::ranges::copy(other.key().data(), i.body.begin() + 1); }) == errc::bad_signature);
    CHECK(error([](item& i) { i.kind = item_kind::mutable_value; }) == errc::malformed);
    CHECK(error([](item& i) { i.body[0] = 2; }) == errc::unknown_version);
    CHECK(error([](item& i) { i.body.resize(32); }) == errc::truncated);
    CHECK(error([](item& i) { i.body.clear(); }) == errc::truncated);
    CHECK(error([](item& i) { i.body.resize(limits::request_body_bytes + 1); }) == errc::too_large);
    for (const auto& another : {question_of(tag_of(2), id256(), "echo/1", as_bytes("body")),
                                question_of(tag_of(1), self.id(), "echo/1", as_bytes("body")),
                                question_of(tag_of(1), id256(), "echo/2", as_bytes("body")),
                                question_of(tag_of(1), id256(), "echo/1", as_bytes("b"))}) {
        CHECK(open_reply(made, another).error() == errc::bad_signature);
    }
}
