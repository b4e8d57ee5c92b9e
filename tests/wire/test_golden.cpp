#include <fstream>
#include <iterator>

#include <mydht/crypto/ids.hpp>
#include <mydht/wire/codec.hpp>

#include "support/catch.hpp"
#include "wire/source_paths.hpp"

using namespace mydht;
using namespace mydht::wire;

namespace {

template <typename Array>
Array counting(std::uint8_t first) {
    Array out;
    for (auto& byte : out.data()) byte = first++;
    return out;
}

contact sample_contact() {
    return contact_of(counting<public_key>(0x40), 1,
                      {address::ipv4(address_kind::tcp, {127, 0, 0, 1}, 4000), address::memory("a").value()});
}

item sample_item() {
    item out;
    out.kind = item_kind::mutable_value;
    out.body = to_bytes("signed bytes");
    out.sig = counting<signature>(0x80);
    return out;
}

item sample_immutable() {
    item out;
    out.body = to_bytes("content");
    out.deadline = wall_time(std::chrono::milliseconds(1'700'000'000'000));
    return out;
}

struct golden {
    envelope what;
    const char* hex;
};

const auto target = counting<id256>(0x01);

forward sample_forward() {
    forward out;
    out.tag = counting<loop_tag>(0xa0);
    out.goal = find_value{target, 6};
    out.lifetime = std::chrono::milliseconds(5000);
    out.hops = 15;
    out.wander = 4;
    out.fan_out = 3;
    out.paths = 12;
    out.priority = 64;
    out.results = 2;
    out.storing = storage_mode::cache;
    out.trace_max = 16;
    out.trace = {counting<node_id>(0xc0)};
    return out;
}

forward sample_direct() {
    auto out = sample_forward();
    out.storing = storage_mode::none;
    out.trace_max = 0;
    out.trace.clear();
    out.asker.emplace();
    out.asker->body = to_bytes("the ticket");
    out.asker->sig = counting<signature>(0x80);
    out.proxy_hops = 2;
    out.stream = true;
    return out;
}

forward sample_hidden() {
    forward out;
    out.tag = counting<loop_tag>(0xa0);
    out.goal = find_value{target, 0};
    out.lifetime = std::chrono::milliseconds(10'000);
    out.hops = 1;
    out.fan_out = 4;
    out.priority = 64;
    out.hidden = true;
    return out;
}

forward sample_request(std::string service) {
    forward out;
    out.tag = counting<loop_tag>(0xa0);
    request goal;
    goal.target = target;
    goal.service = std::move(service);
    goal.body = to_bytes("the body");
    out.goal = goal;
    out.lifetime = std::chrono::milliseconds(5000);
    out.hops = 15;
    return out;
}

gathered sample_reply() {
    gathered out;
    out.outcome = gathered_outcome::found;
    auto& reply = out.items.emplace_back();
    reply.kind = item_kind::reply;
    reply.body = to_bytes("a signed reply");
    reply.sig = counting<signature>(0x80);
    return out;
}

gathered sample_gathered() {
    gathered out;
    out.outcome = gathered_outcome::found;
    out.copies = 7;
    out.delivered = 1;
    out.copy_left = std::chrono::milliseconds(60'000);
    out.items = {sample_immutable()};
    out.contacts = {sample_contact()};
    return out;
}

/// The bytes of one message of each kind. They change only with a new version of the protocol; docs/wire-format.md has
/// the same ones, for those who write another implementation.
const golden all[] = {
    {{1, ping{}}, "00000000040000000000000002000100010000000000000001000000000000000000000000000000"},
    {{2, find_node{target, 2}},
     "000000000900000000000000020001000200000000000000010000000100000000000000050000000102030405060708"
     "090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f200200000000000000"},
    {{3, find_value{target, 6}},
     "000000000900000000000000020001000300000000000000010000000200000000000000050000000102030405060708"
     "090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f200600000000000000"},
    {{4, store{target, sample_item(), 41}},
     "000000001900000000000000020001000400000000000000010000000300000000000000060001000102030405060708"
     "090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20010000000000000029000000000000000000000002000200"
     "02000000000000000000000000000000050000006200000009000000020200007369676e656420627974657300000000"
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
     "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"},
    {{5, store{target, sample_immutable(), {}}},
     "000000001000000000000000020001000500000000000000010000000300000000000000060001000102030405060708"
     "090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20000000000000000000000000000000000000000002000200"
     "01000000000000000068e5cf8b010000050000003a0000000000000000000000636f6e74656e7400"},
    {{6, cancel{}}, "00000000040000000000000002000100060000000000000001000200040000000000000000000000"},
    {{7, pong{address::ipv4(address_kind::tcp, {127, 0, 0, 1}, 4000)}},
     "000000000600000000000000020001000700000000000000010001000500000000000000000001000100000042000000"
     "01067f0000010fa0"},
    {{8, nodes{{sample_contact()}}},
     "000000000e00000000000000020001000800000000000000010001000600000000000000000001000100000037000000"
     "0400000005000100404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f0100000000000000"
     "010000005a00000001067f0000010fa00501610000000000"},
    {{9, values{{sample_immutable()}, {sample_contact()}}},
     "000000001500000000000000020001000900000000000000010001000700000000000000000002000500000027000000"
     "1900000037000000040000000200020001000000000000000068e5cf8b010000050000003a0000000000000000000000"
     "636f6e74656e74000400000005000100404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
     "0100000000000000010000005a00000001067f0000010fa00501610000000000"},
    {{10, stored{wall_time(std::chrono::milliseconds(1'700'000'000'000))}},
     "000000000500000000000000020001000a00000000000000010001000800000000000000010000000068e5cf8b010000"},
    {{11, error{error_code::busy, "later"}},
     "000000000700000000000000020001000b00000000000000010001000900000000000000010001000300000000000000"
     "01000000320000006c61746572000000"},
    {{12, sample_forward()},
     "000000001500000000000000020001000c00000000000000010000000a0000000000000004000400a0a1a2a3a4a5a6a7"
     "a8a9aaabacadaeaf01000f0488130000030c4002031000000c000000050000001d000000020100000000000000000000"
     "00000000000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f200600000000000000"
     "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"},
    {{13, sample_gathered()},
     "000000001600000000000000020001000d00000000000000010001000b00000000000000010002000101070060ea0000"
     "05000000270000001900000037000000040000000200020001000000000000000068e5cf8b010000050000003a000000"
     "0000000000000000636f6e74656e74000400000005000100404142434445464748494a4b4c4d4e4f5051525354555657"
     "58595a5b5c5d5e5f0100000000000000010000005a00000001067f0000010fa00501610000000000"},
    {{14, sample_direct()},
     "000000001b00000000000000020001000e00000000000000010000000a0000000000000004000400a0a1a2a3a4a5a6a7"
     "a8a9aaabacadaeaf01000f0488130000030c4002000002010c0000000500000000000000000000001900000052000000"
     "1d000000020200000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f200600000000000000"
     "746865207469636b6574000000000000808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
     "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"},
    {{15, deliver{counting<loop_tag>(0xa0), sample_gathered()}},
     "000000001900000000000000020001000f00000000000000010000000c0000000000000002000100a0a1a2a3a4a5a6a7"
     "a8a9aaabacadaeaf00000000010002000101070060ea0000050000002700000019000000370000000400000002000200"
     "01000000000000000068e5cf8b010000050000003a0000000000000000000000636f6e74656e74000400000005000100"
     "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f0100000000000000010000005a000000"
     "01067f0000010fa00501610000000000"},
    {{16, delivered{}}, "000000000400000000000000020001001000000000000000010001000d0000000000000000000000"},
    {{17, sample_hidden()},
     "000000001100000000000000020001001100000000000000010000000a0000000000000004000400a0a1a2a3a4a5a6a7"
     "a8a9aaabacadaeaf010001001027000004014001000000020c0000000500000000000000000000000000000000000000"
     "00000000000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f200000000000000000"},
    {{18, sample_request("echo/1")},
     "000000001400000000000000020001001200000000000000010000000a0000000000000004000400a0a1a2a3a4a5a6a7"
     "a8a9aaabacadaeaf03000f008813000001010001000000000c0000000400020000000000000000000000000000000000"
     "00000000000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f200500000032000000"
     "05000000420000006563686f2f31000074686520626f6479"},
    {{19, sample_request("")},
     "000000001300000000000000020001001300000000000000010000000a0000000000000004000400a0a1a2a3a4a5a6a7"
     "a8a9aaabacadaeaf03000f008813000001010001000000000c0000000400020000000000000000000000000000000000"
     "00000000000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f200000000000000000"
     "010000004200000074686520626f6479"},
    {{20, sample_reply()},
     "000000001600000000000000020001001400000000000000010001000b00000000000000010002000100000000000000"
     "050000002700000000000000000000000400000002000200050000000000000000000000000000000500000072000000"
     "090000000202000061207369676e6564207265706c790000808182838485868788898a8b8c8d8e8f9091929394959697"
     "98999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"},
};

std::string text_of(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("the bytes of every kind of message are the written ones", "[golden]") {
    for (const auto& one : all) {
        bytes data;
        REQUIRE(capnp_codec().encode(one.what, data).has_value());
        CAPTURE(one.what.id);
        CHECK(to_hex(data) == one.hex);
        CHECK(capnp_codec().decode(data).value() == one.what);
    }
}

TEST_CASE("the document of the format lists the same bytes", "[golden]") {
    const auto document = text_of(wire_format_document);
    REQUIRE(document.size() > 1000);
    for (const auto& one : all) {
        CAPTURE(one.what.id, one.hex);
        CHECK(document.find(one.hex) != std::string::npos);
    }
}
