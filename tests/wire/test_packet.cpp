#include <mydht/wire/packet.hpp>

#include <functional>
#include <numeric>

#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::wire;

namespace {

bytes counted(std::size_t size, std::uint8_t first = 0) {
    bytes out(size);
    std::iota(out.begin(), out.end(), first);
    return out;
}

initial_packet sample_initial(bytes_view message) {
    initial_packet out;
    out.version = 1;
    out.pattern = packet_pattern::xx;
    out.sender = 0x04030201;
    out.network = {0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18};
    out.cookie.fill(0xcc);
    out.message = message;
    return out;
}

answer_packet sample_answer(bytes_view message) { return {1, 0x04030201, 0x0d0c0b0a, message}; }

cookie_packet sample_cookie() {
    cookie_packet out;
    out.receiver = 0x04030201;
    std::iota(out.cookie.begin(), out.cookie.end(), std::uint8_t{0x40});
    return out;
}

reset_packet sample_reset() {
    reset_packet out;
    out.index = 0x04030201;
    std::iota(out.token.begin(), out.token.end(), std::uint8_t{0x50});
    return out;
}

bytes sample_transport(std::size_t sealed) {
    bytes out(transport_header_bytes);
    write_transport_header(out, 0x04030201, 0x1817161514131211);
    const auto rest = counted(sealed, 0xe0);
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
}

/// One packet of each type, and what its own decoder says to bytes.
struct kind {
    packet_type type;
    bytes packet;
    std::function<std::error_code(bytes_view)> decode;
};

template <typename Result>
std::error_code error_of(const Result& got) {
    return got ? std::error_code() : got.error();
}

std::vector<kind> all_kinds() {
    const auto message = counted(40);
    return {
        {packet_type::initial, encode(sample_initial(message)).value(),
         [](bytes_view p) { return error_of(decode_initial(p)); }},
        {packet_type::answer, encode(sample_answer(message), packet_type::answer).value(),
         [](bytes_view p) { return error_of(decode_answer(p)); }},
        {packet_type::cookie, to_bytes(encode(sample_cookie())),
         [](bytes_view p) { return error_of(decode_cookie(p)); }},
        {packet_type::final_answer, encode(sample_answer(message), packet_type::final_answer).value(),
         [](bytes_view p) { return error_of(decode_final_answer(p)); }},
        {packet_type::transport, sample_transport(0), [](bytes_view p) { return error_of(decode_transport(p)); }},
        {packet_type::reset, to_bytes(encode(sample_reset())), [](bytes_view p) { return error_of(decode_reset(p)); }},
    };
}

}  // namespace

TEST_CASE("packets have their written form", "[packet]") {
    const auto message = counted(32, 0xa0);
    const auto initial = encode(sample_initial(message)).value();
    CHECK(initial.size() == initial_bytes_min);
    CHECK(to_hex(bytes_view(initial).first(34)) ==
          "010102000102030411121314151617"
          "18cccccccccccccccccccccccccccccccc2000");
    CHECK(to_bytes(bytes_view(initial).subspan(34, 32)) == message);
    CHECK(std::ranges::all_of(bytes_view(initial).subspan(66), [](auto byte) { return byte == 0; }));
    CHECK(to_bytes(encode_bound(sample_initial(message))) == to_bytes(bytes_view(initial).first(16)));

    const bytes two{0xaa, 0xbb};
    CHECK(to_hex(encode(sample_answer(two), packet_type::answer).value()) == "02010000010203040a0b0c0d0200aabb");
    CHECK(to_hex(encode(sample_answer(two), packet_type::final_answer).value()) == "04010000010203040a0b0c0d0200aabb");
    CHECK(to_hex(encode(sample_cookie())) == "0300000001020304404142434445464748494a4b4c4d4e4f");
    CHECK(to_hex(sample_transport(2)) == "05000000010203041112131415161718e0e1");
    CHECK(to_hex(encode(sample_reset())) == "0600000001020304505152535455565758595a5b5c5d5e5f");
}

TEST_CASE("packets are read back", "[packet]") {
    const auto message = counted(40);
    const auto initial = encode(sample_initial(message), 1300).value();
    CHECK(initial.size() == 1300);
    const auto first = decode_initial(initial).value();
    CHECK(first.version == 1);
    CHECK(first.pattern == packet_pattern::xx);
    CHECK(first.sender == 0x04030201);
    CHECK(first.network == sample_initial(message).network);
    CHECK(first.cookie == sample_initial(message).cookie);
    CHECK(first.has_cookie());
    CHECK(to_bytes(first.message) == message);
    CHECK(to_bytes(first.ephemeral()) == counted(32));

    const auto answer = encode(sample_answer(message), packet_type::answer).value();
    const auto second = decode_answer(answer).value();
    CHECK(second.version == 1);
    CHECK(second.receiver == 0x04030201);
    CHECK(second.sender == 0x0d0c0b0a);
    CHECK(to_bytes(second.message) == message);
    CHECK(decode_cookie(encode(sample_cookie())).value().cookie == sample_cookie().cookie);
    CHECK(decode_cookie(encode(sample_cookie())).value().receiver == sample_cookie().receiver);
    CHECK(decode_reset(encode(sample_reset())).value().token == sample_reset().token);
    CHECK(decode_reset(encode(sample_reset())).value().index == sample_reset().index);

    const auto transport = sample_transport(5);
    const auto carried = decode_transport(transport).value();
    CHECK(carried.receiver == 0x04030201);
    CHECK(carried.counter == 0x1817161514131211);
    CHECK(to_bytes(carried.sealed) == counted(5, 0xe0));
}

TEST_CASE("a packet's type and receiver are told without decoding it", "[packet]") {
    for (const auto& one : all_kinds()) {
        CHECK(type_of(one.packet) == one.type);
        CHECK(receiver_of(one.packet) == 0x04030201);
    }
    for (int first = 0; first < 256; ++first) {
        const bytes packet{static_cast<std::uint8_t>(first)};
        CHECK(type_of(packet).has_value() == (first >= 1 && first <= 6));
        CHECK(receiver_of(packet) == 0);
    }
    CHECK_FALSE(type_of({}));
}

TEST_CASE("a packet that was cut anywhere is refused", "[packet]") {
    for (const auto& one : all_kinds()) {
        for (std::size_t size = 0; size < one.packet.size(); ++size) {
            CAPTURE(static_cast<int>(one.type), size);
            CHECK(one.decode(bytes_view(one.packet).first(size)) == errc::truncated);
        }
        CHECK_FALSE(one.decode(one.packet));
    }
}

TEST_CASE("bytes behind a packet are refused", "[packet]") {
    for (auto one : all_kinds()) {
        if (one.type == packet_type::transport) continue;  // belongs to the ciphertext
        CAPTURE(static_cast<int>(one.type));
        const bool padded = one.type == packet_type::initial;
        one.packet.push_back(0);
        CHECK(one.decode(one.packet) == (padded ? std::error_code() : make_error_code(errc::trailing_bytes)));
        one.packet.back() = 1;
        CHECK(one.decode(one.packet) == (padded ? errc::malformed : errc::trailing_bytes));
    }
}

TEST_CASE("bytes that mean nothing must be zero", "[packet]") {
    for (const auto& one : all_kinds()) {
        for (std::size_t at = 0; at < 4; ++at) {
            const bool has_version = one.type == packet_type::initial || one.type == packet_type::answer ||
                                     one.type == packet_type::final_answer;
            if (at == 1 && has_version) continue;
            if (at == 2 && one.type == packet_type::initial) continue;
            auto changed = one.packet;
            changed[at] ^= 0x80U;
            CAPTURE(static_cast<int>(one.type), at);
            CHECK(one.decode(changed) == errc::malformed);
        }
    }
    const auto initial = all_kinds().front();
    for (std::size_t at = initial_header_bytes + 40; at < initial.packet.size(); ++at) {
        auto changed = initial.packet;
        changed[at] = 1;
        CAPTURE(at);
        CHECK(initial.decode(changed) == errc::malformed);
    }
}

TEST_CASE("fields that cannot be are refused", "[packet]") {
    auto packet = all_kinds()[0].packet;
    packet[1] = 0;
    CHECK(decode_initial(packet).error() == errc::malformed);
    packet[1] = 1;
    packet[2] = 3;
    CHECK(decode_initial(packet).error() == errc::malformed);
    packet[2] = 2;
    packet[32] = 31;
    CHECK(decode_initial(packet).error() == errc::malformed);
    packet[32] = 0xff;
    packet[33] = 0xff;
    CHECK(decode_initial(packet).error() == errc::truncated);
    auto answer = all_kinds()[1].packet;
    answer[1] = 0;
    CHECK(decode_answer(answer).error() == errc::malformed);
    CHECK(decode_final_answer(all_kinds()[1].packet).error() == errc::malformed);
}

TEST_CASE("a message that does not fit its packet is refused", "[packet]") {
    const auto fits = counted(initial_bytes_min - initial_header_bytes);
    const auto longer = counted(fits.size() + 1);
    CHECK(encode(sample_initial(fits)).value().size() == initial_bytes_min);
    CHECK(to_bytes(decode_initial(encode(sample_initial(fits)).value()).value().message) == fits);
    CHECK(encode(sample_initial(longer)).error() == errc::too_large);
    CHECK(encode(sample_initial(longer), initial_bytes_min + 1));
    CHECK(encode(sample_answer(counted(65535)), packet_type::answer));
    CHECK(encode(sample_answer(counted(65536)), packet_type::answer).error() == errc::too_large);
}

TEST_CASE("a cookie is put into a packet that is there already", "[packet]") {
    const auto message = counted(40);
    auto what = sample_initial(message);
    const auto with = encode(what).value();
    what.cookie = {};
    auto packet = encode(what).value();
    CHECK_FALSE(decode_initial(packet).value().has_cookie());
    put_cookie(packet, sample_initial(message).cookie);
    CHECK(packet == with);
}
