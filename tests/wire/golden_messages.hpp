#pragma once

#include <string>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/wire/message.hpp>

/// One message of each kind, whose bytes in each encoding are written down in tests/wire/golden/ and, for the reference
/// encoding, in docs/wire-format.md. They change only with a new version of the protocol.
namespace mydht::test {

template <typename Array>
Array counting(std::uint8_t first) {
    Array out;
    for (auto& byte : out.data()) byte = first++;
    return out;
}

inline id256 golden_target() { return counting<id256>(0x01); }

inline contact sample_contact() {
    return contact_of(counting<public_key>(0x40), 1,
                      {address::ipv4(address_kind::tcp, {127, 0, 0, 1}, 4000), address::memory("a").value()});
}

inline item sample_item() {
    item out;
    out.kind = item_kind::mutable_value;
    out.body = to_bytes("signed bytes");
    out.sig = counting<signature>(0x80);
    return out;
}

inline item sample_immutable() {
    item out;
    out.body = to_bytes("content");
    out.deadline = wall_time(std::chrono::milliseconds(1'700'000'000'000));
    return out;
}

inline wire::forward sample_forward() {
    wire::forward out;
    out.tag = counting<loop_tag>(0xa0);
    out.goal = wire::find_value{golden_target(), 6};
    out.lifetime = std::chrono::milliseconds(5000);
    out.hops = 15;
    out.wander = 4;
    out.fan_out = 3;
    out.paths = 12;
    out.priority = 64;
    out.results = 2;
    out.storing = wire::storage_mode::cache;
    out.trace_max = 16;
    out.trace = {counting<node_id>(0xc0)};
    return out;
}

inline wire::forward sample_direct() {
    auto out = sample_forward();
    out.storing = wire::storage_mode::none;
    out.trace_max = 0;
    out.trace.clear();
    out.asker.emplace();
    out.asker->body = to_bytes("the ticket");
    out.asker->sig = counting<signature>(0x80);
    out.proxy_hops = 2;
    out.stream = true;
    return out;
}

inline wire::forward sample_hidden() {
    wire::forward out;
    out.tag = counting<loop_tag>(0xa0);
    out.goal = wire::find_value{golden_target(), 0};
    out.lifetime = std::chrono::milliseconds(10'000);
    out.hops = 1;
    out.fan_out = 4;
    out.priority = 64;
    out.hidden = true;
    return out;
}

inline wire::forward sample_request(std::string service) {
    wire::forward out;
    out.tag = counting<loop_tag>(0xa0);
    wire::request goal;
    goal.target = golden_target();
    goal.service = std::move(service);
    goal.body = to_bytes("the body");
    out.goal = goal;
    out.lifetime = std::chrono::milliseconds(5000);
    out.hops = 15;
    return out;
}

inline wire::gathered sample_reply() {
    wire::gathered out;
    out.outcome = wire::gathered_outcome::found;
    auto& reply = out.items.emplace_back();
    reply.kind = item_kind::reply;
    reply.body = to_bytes("a signed reply");
    reply.sig = counting<signature>(0x80);
    return out;
}

inline wire::gathered sample_gathered() {
    wire::gathered out;
    out.outcome = wire::gathered_outcome::found;
    out.copies = 7;
    out.delivered = 1;
    out.copy_left = std::chrono::milliseconds(60'000);
    out.items = {sample_immutable()};
    out.contacts = {sample_contact()};
    return out;
}

inline std::vector<wire::envelope> golden_messages() {
    return {
        {1, wire::ping{}},
        {2, wire::find_node{golden_target(), 2}},
        {3, wire::find_value{golden_target(), 6}},
        {4, wire::store{golden_target(), sample_item(), 41}},
        {5, wire::store{golden_target(), sample_immutable(), {}}},
        {6, wire::cancel{}},
        {7, wire::pong{address::ipv4(address_kind::tcp, {127, 0, 0, 1}, 4000)}},
        {8, wire::nodes{{sample_contact()}}},
        {9, wire::values{{sample_immutable()}, {sample_contact()}}},
        {10, wire::stored{wall_time(std::chrono::milliseconds(1'700'000'000'000))}},
        {11, wire::error{wire::error_code::busy, "later"}},
        {12, sample_forward()},
        {13, sample_gathered()},
        {14, sample_direct()},
        {15, wire::deliver{counting<loop_tag>(0xa0), sample_gathered()}},
        {16, wire::delivered{}},
        {17, sample_hidden()},
        {18, sample_request("echo/1")},
        {19, sample_request("")},
        {20, sample_reply()},
    };
}

}  // namespace mydht::test
