#include <mydht/wire/stream_frames.hpp>

#include <string>

#include "support/catch.hpp"

namespace mydht::test {

namespace {

wire::frame only_frame(wire::frame_decoder& decoder, const bytes& encoded) {
    bytes_view rest = encoded;
    const auto got = decoder.next(rest);
    REQUIRE(got);
    REQUIRE(*got);
    CHECK(rest.empty());
    return **got;
}

}  // namespace

TEST_CASE("frames of streams say what was put into them", "[frame]") {
    bytes encoded;
    wire::frame_decoder decoder;

    wire::stream_opening opening;
    opening.window = 0x0102030405060708;
    const std::string name(wire::service_name_bytes, 'n');
    opening.service = name;
    wire::append_stream_open(encoded, 7, opening);
    CHECK(encoded.size() == wire::open_frame_bytes(name));
    auto got = only_frame(decoder, encoded);
    CHECK(got.kind == wire::frame_kind::stream_open);
    CHECK(got.channel == 7);
    CHECK(wire::read_stream_open(got.payload).window == opening.window);
    CHECK(wire::read_stream_open(got.payload).service == name);

    encoded.clear();
    wire::append_number(encoded, wire::frame_kind::stream_window, 9, 0xfffffffffffffffe);
    CHECK(encoded.size() == wire::number_frame_bytes);
    got = only_frame(decoder, encoded);
    CHECK(got.kind == wire::frame_kind::stream_window);
    CHECK(wire::read_number(got.payload) == 0xfffffffffffffffe);

    encoded.clear();
    wire::stream_resetting resetting;
    resetting.code = 0xffffff01;
    resetting.total = 1234567890123;
    wire::append_stream_reset(encoded, 0xfffffff0, resetting);
    CHECK(encoded.size() == wire::reset_frame_bytes);
    got = only_frame(decoder, encoded);
    CHECK(got.channel == 0xfffffff0);
    CHECK(wire::read_stream_reset(got.payload).code == resetting.code);
    CHECK(wire::read_stream_reset(got.payload).total == resetting.total);
}

TEST_CASE("data in a datagram says where it belongs", "[frame]") {
    bytes encoded;
    const auto place = wire::begin_data_at(encoded, 3, 77);
    encoded.push_back(5);
    REQUIRE(wire::end_frame(encoded, place));
    wire::frame_decoder decoder;
    auto payload = only_frame(decoder, encoded).payload;
    CHECK(wire::take_offset(payload) == 77);
    CHECK(to_bytes(payload) == bytes{5});
    auto too_short = bytes_view(encoded).first(wire::offset_bytes - 1);
    CHECK(wire::take_offset(too_short) == std::nullopt);
    CHECK(too_short.size() == wire::offset_bytes - 1);
}

}  // namespace mydht::test
