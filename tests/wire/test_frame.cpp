#include <algorithm>
#include <vector>

#include <mydht/core/random.hpp>
#include <mydht/wire/frame.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace mydht::wire;

namespace {

bytes pattern(std::size_t size) {
    bytes out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 13 + size);
    return out;
}

struct kept_frame {
    frame_kind kind;
    std::uint32_t channel;
    bytes payload;
    friend bool operator==(const kept_frame&, const kept_frame&) = default;
};

/// Takes all frames of the input; they have to be fine.
void take_all(frame_decoder& decoder, bytes_view input, std::vector<kept_frame>& out) {
    for (;;) {
        const auto got = decoder.next(input);
        REQUIRE(got.has_value());
        if (!*got) break;
        out.push_back({(*got)->kind, (*got)->channel, to_bytes((*got)->payload)});
    }
    REQUIRE(input.empty());
}

bytes header(std::uint8_t kind, std::uint32_t channel, std::uint32_t length) {
    bytes out;
    append_frame(out, static_cast<frame_kind>(kind), channel, {});
    for (int i = 0; i < 3; ++i) out[5 + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(length >> (8 * i));
    return out;
}

std::error_code error_of(bytes_view input, const frame_limits& limits = {}) {
    frame_decoder decoder(limits);
    const auto got = decoder.next(input);
    if (got.has_value()) return {};
    CHECK(decoder.next(input).error() == got.error());  // sticks
    return got.error();
}

struct allowed_sizes {
    frame_kind kind;
    std::uint32_t channel;
    std::uint32_t min;
    std::uint32_t max;
    errc above;
};

const allowed_sizes all_sizes[] = {
    {frame_kind::message, 0, 1, 1024 * 1024, errc::too_large},
    {frame_kind::stream_open, 5, 9, 263, errc::too_large},
    {frame_kind::stream_data, 5, 0, 64 * 1024, errc::too_large},
    {frame_kind::stream_window, 5, 8, 8, errc::protocol_violation},
    {frame_kind::stream_reset, 5, 12, 12, errc::protocol_violation},
    {frame_kind::stream_end, 5, 8, 8, errc::protocol_violation},
    {frame_kind::session_window, 0, 8, 8, errc::protocol_violation},
    {frame_kind::ack, 0, 1, 65535, errc::too_large},
    {frame_kind::message_part, 0, 13, 65535, errc::too_large},
    {frame_kind::working, 0, 8, 8, errc::protocol_violation},
    {frame_kind::ping, 0, 8, 8, errc::protocol_violation},
    {frame_kind::pong, 0, 8, 8, errc::protocol_violation},
    {frame_kind::close, 0, 2, 256, errc::too_large},
    {frame_kind{200}, 9, 0, 64 * 1024, errc::too_large},
};

/// One frame of each kind with a payload of an allowed size.
std::vector<kept_frame> one_of_each() {
    std::vector<kept_frame> out;
    for (const auto& one : all_sizes) {
        if (static_cast<std::uint8_t>(one.kind) >= ignorable_from) continue;
        out.push_back({one.kind, one.channel, pattern(std::min(one.max, one.min + 30))});
    }
    return out;
}

bytes encoded(const std::vector<kept_frame>& frames) {
    bytes out;
    for (const auto& one : frames) append_frame(out, one.kind, one.channel, one.payload);
    return out;
}

}  // namespace

TEST_CASE("a frame header is kind, channel and length in little-endian", "[frame]") {
    bytes out;
    append_frame(out, frame_kind::stream_data, 0x01020304, pattern(0x0506));
    CHECK(to_hex(bytes_view(out).first(8)) == "0304030201060500");
    CHECK(std::ranges::equal(bytes_view(out).subspan(8), pattern(0x0506)));
}

TEST_CASE("a frame written in place equals one written at once", "[frame]") {
    bytes at_once = to_bytes("before");
    append_frame(at_once, frame_kind::message, control_channel, pattern(70000));
    bytes in_place = to_bytes("before");
    const auto place = begin_frame(in_place, frame_kind::message, control_channel);
    const auto payload = pattern(70000);
    in_place.insert(in_place.end(), payload.begin(), payload.end());
    REQUIRE(end_frame(in_place, place).has_value());
    CHECK(in_place == at_once);
}

TEST_CASE("a frame longer than its length field is refused when it is written", "[frame]") {
    bytes out;
    const auto place = begin_frame(out, frame_kind::message, control_channel);
    out.resize(frame_header_bytes + 0xffffff);
    CHECK(end_frame(out, place).has_value());
    out.push_back(0);
    CHECK(end_frame(out, place).error() == errc::too_large);
}

TEST_CASE("frames come back when the stream is cut in two at any place", "[frame]") {
    const auto sent = one_of_each();
    const auto stream = encoded(sent);
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        CAPTURE(cut);
        frame_decoder decoder;
        std::vector<kept_frame> got;
        take_all(decoder, bytes_view(stream).first(cut), got);
        take_all(decoder, bytes_view(stream).subspan(cut), got);
        REQUIRE(got == sent);
        REQUIRE(decoder.at_boundary());
    }
}

TEST_CASE("frames come back byte by byte and in random slices", "[frame]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 100; ++round) {
        auto sent = one_of_each();
        sent.push_back(
            {frame_kind::message, control_channel, pattern(1 + static_cast<std::size_t>(random.below(200'000)))});
        shuffle(sent, random);
        const auto stream = encoded(sent);
        const auto slice_max = 1 + random.below(round % 2 == 0 ? 30 : 70'000);
        frame_decoder decoder;
        std::vector<kept_frame> got;
        for (bytes_view rest = stream; !rest.empty();) {
            const auto slice = std::min(rest.size(), static_cast<std::size_t>(1 + random.below(slice_max)));
            take_all(decoder, rest.first(slice), got);
            rest = rest.subspan(slice);
        }
        REQUIRE(got == sent);
    }
}

TEST_CASE("a frame that lies whole in the input is not copied", "[frame]") {
    bytes stream;
    append_frame(stream, frame_kind::message, control_channel, pattern(100));
    frame_decoder decoder;
    bytes_view input = stream;
    const auto got = decoder.next(input).value();
    REQUIRE(got);
    CHECK(got->payload.data() == stream.data() + frame_header_bytes);
    CHECK(decoder.memory() == 0);
}

TEST_CASE("every kind takes its smallest and largest payload and no other", "[frame]") {
    for (const auto& one : all_sizes) {
        const auto number = static_cast<std::uint8_t>(one.kind);
        CAPTURE(int{number});
        CHECK_FALSE(error_of(header(number, one.channel, one.min)));
        CHECK_FALSE(error_of(header(number, one.channel, one.max)));
        CHECK(error_of(header(number, one.channel, one.max + 1)) == one.above);
        CHECK(error_of(header(number, one.channel, 0xffffff)) == one.above);
        if (one.min > 0) CHECK(error_of(header(number, one.channel, one.min - 1)) == errc::protocol_violation);
    }
}

TEST_CASE("configured limits hold at n and n + 1", "[frame]") {
    const frame_limits limits{.message = 100, .stream_open = 20, .stream_data = 30, .ignored = 40};
    CHECK_FALSE(error_of(header(1, 0, 100), limits));
    CHECK(error_of(header(1, 0, 101), limits) == errc::too_large);
    CHECK_FALSE(error_of(header(2, 1, 20), limits));
    CHECK(error_of(header(2, 1, 21), limits) == errc::too_large);
    CHECK_FALSE(error_of(header(3, 1, 30), limits));
    CHECK(error_of(header(3, 1, 31), limits) == errc::too_large);
    CHECK_FALSE(error_of(header(255, 1, 40), limits));
    CHECK(error_of(header(255, 1, 41), limits) == errc::too_large);
}

TEST_CASE("unknown kinds below 128 break the protocol, the others are skipped", "[frame]") {
    for (int kind = 0; kind < 256; ++kind) {
        const auto known = kind >= 1 && kind <= 13;
        if (known) continue;
        CAPTURE(kind);
        const auto error = error_of(header(static_cast<std::uint8_t>(kind), 0, 0));
        CHECK(error == (kind < ignorable_from ? make_error_code(errc::protocol_violation) : std::error_code()));
    }

    bytes stream;
    append_frame(stream, frame_kind{128}, 0, pattern(1000));
    append_frame(stream, frame_kind{255}, 77, {});
    append_frame(stream, frame_kind::stream_end, 3, pattern(8));
    append_frame(stream, frame_kind{129}, 1, pattern(9));
    for (const std::size_t slice : {std::size_t{1}, std::size_t{500}, stream.size()}) {
        frame_decoder decoder;
        std::vector<kept_frame> got;
        for (bytes_view rest = stream; !rest.empty();) {
            const auto part = rest.first(std::min(slice, rest.size()));
            take_all(decoder, part, got);
            rest = rest.subspan(part.size());
            // No more than the payload that is not skipped.
            REQUIRE(decoder.memory() <= 8);
        }
        CHECK(got == std::vector<kept_frame>{{frame_kind::stream_end, 3, pattern(8)}});
        CHECK(decoder.at_boundary());
    }
}

TEST_CASE("control frames have channel 0 and stream frames another", "[frame]") {
    for (const auto& one : all_sizes) {
        if (static_cast<std::uint8_t>(one.kind) >= ignorable_from) continue;
        CAPTURE(static_cast<int>(one.kind));
        const std::uint32_t wrong = one.channel == 0 ? 1 : 0;
        CHECK(error_of(header(static_cast<std::uint8_t>(one.kind), wrong, one.min)) == errc::protocol_violation);
    }
}

TEST_CASE("memory of a frame follows the bytes that came, not the announced length", "[frame]") {
    frame_decoder decoder;
    const auto large = header(1, 0, 1024 * 1024);
    bytes_view announced = large;
    CHECK_FALSE(decoder.next(announced).value().has_value());
    CHECK(decoder.memory() == 0);
    const auto part = pattern(1000);
    for (std::size_t came = 1000; came <= 100'000; came += 1000) {
        bytes_view input = part;
        REQUIRE_FALSE(decoder.next(input).value().has_value());
        REQUIRE(decoder.memory() <= 2 * came);
    }
    CHECK_FALSE(decoder.at_boundary());
}

TEST_CASE("a large frame in single bytes is not copied again and again", "[frame]") {
    bytes stream;
    append_frame(stream, frame_kind::message, control_channel, pattern(1024 * 1024));
    frame_decoder decoder;
    std::size_t moves = 0;
    std::size_t memory = 0;
    std::optional<frame> got;
    for (const auto& byte : stream) {
        bytes_view input(&byte, 1);
        got = decoder.next(input).value();
        if (decoder.memory() != memory) ++moves;
        memory = decoder.memory();
    }
    REQUIRE(got);
    CHECK(std::ranges::equal(got->payload, pattern(1024 * 1024)));
    CHECK(moves <= 21);  // doubling: one move for each power of two
}

TEST_CASE("a decoder gives large buffers back at once and the rest when it is told", "[frame]") {
    frame_decoder decoder;
    const auto in_two_parts = [&](std::size_t size) {
        bytes stream;
        append_frame(stream, frame_kind::message, control_channel, pattern(size));
        std::vector<kept_frame> got;
        take_all(decoder, bytes_view(stream).first(20), got);
        take_all(decoder, bytes_view(stream).subspan(20), got);
        REQUIRE(got.size() == 1);
    };
    in_two_parts(1000);
    CHECK(decoder.memory() >= 1000);
    decoder.release();
    CHECK(decoder.memory() == 0);
    in_two_parts(500'000);
    CHECK(decoder.memory() == 0);
    in_two_parts(13);
}

TEST_CASE("release keeps a frame that is under way", "[frame]") {
    bytes stream;
    append_frame(stream, frame_kind::message, control_channel, pattern(50));
    frame_decoder decoder;
    std::vector<kept_frame> got;
    take_all(decoder, bytes_view(stream).first(30), got);
    decoder.release();
    take_all(decoder, bytes_view(stream).subspan(30), got);
    CHECK(got == std::vector<kept_frame>{{frame_kind::message, control_channel, pattern(50)}});
}

TEST_CASE("pings and close reasons travel", "[frame]") {
    bytes stream;
    append_ping(stream, frame_kind::ping, {1, 2, 3, 4, 5, 6, 7, 8});
    append_ping(stream, frame_kind::pong, {8, 7, 6, 5, 4, 3, 2, 1});
    append_close(stream, close_reason::overloaded);
    append_close(stream, close_reason{0x1234});
    CHECK(to_hex(stream) ==
          "07000000000800000102030405060708"
          "08000000000800000807060504030201"
          "09000000000200000500"
          "09000000000200003412");
    frame_decoder decoder;
    std::vector<kept_frame> got;
    take_all(decoder, stream, got);
    REQUIRE(got.size() == 4);
    CHECK(read_close(got[2].payload) == close_reason::overloaded);
    CHECK(read_close(got[3].payload) == close_reason{0x1234});
    CHECK(read_close(to_bytes("\x02\x01 and more of a newer build")) == close_reason{0x0102});
}
