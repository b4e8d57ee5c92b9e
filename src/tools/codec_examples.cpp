#include "tools/codec_examples.hpp"

#include <chrono>
#include <utility>

#include <mydht/crypto/identity.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/value/value.hpp>

namespace mydht::tools {

namespace {

using namespace std::chrono_literals;

constexpr wall_time some_day{std::chrono::milliseconds(1'800'000'000'000)};

identity example_identity(std::uint8_t number) {
    const bytes seed(32, number);
    return identity::from_seed(seed).value();
}

contact example_contact() {
    const auto udp = address::ipv4(address_kind::udp, {192, 0, 2, 1}, 4000);
    const auto tcp =
        address::ipv6(address_kind::tcp, {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 4000);
    return contact_of(example_identity(1).key(), static_cast<std::uint32_t>(capability::server), {udp, tcp});
}

value example_value() {
    return value::signed_by(example_identity(2), "hello").sequence(7).deadline(some_day).sign().value();
}

item example_copy() { return value::immutable("hello").with_deadline(some_day).to_item(); }

id256 example_target() { return value::immutable("hello").key(); }

constexpr wire::kind_mask both_kinds = wire::mask_of(address_kind::tcp) | wire::mask_of(address_kind::udp);

loop_tag example_tag() {
    loop_tag out;
    std::uint8_t next = 0xa0;
    for (auto& byte : out.data()) byte = next++;
    return out;
}

wire::gathered example_gathered() {
    wire::gathered out;
    out.outcome = wire::gathered_outcome::found;
    out.items = {example_copy()};
    return out;
}

wire::envelope with_id(std::uint64_t id, wire::message body) {
    wire::envelope out;
    out.id = id;
    out.body = std::move(body);
    return out;
}

wire::envelope make_ping() { return with_id(1, wire::ping()); }

wire::envelope make_find_node() { return with_id(2, wire::find_node{example_target(), both_kinds}); }

wire::envelope make_find_value() { return with_id(3, wire::find_value{example_target(), both_kinds}); }

wire::envelope make_store() {
    const auto what = example_value();
    wire::store out;
    out.target = what.key();
    out.what = what.to_item();
    out.expected_sequence = 6;
    return with_id(4, std::move(out));
}

wire::envelope make_forward() {
    wire::forward out;
    out.tag = example_tag();
    out.goal = wire::find_value{example_target(), both_kinds};
    out.lifetime = 10s;
    out.hops = 15;
    out.wander = 4;
    out.fan_out = 3;
    out.paths = 12;
    out.trace_max = 16;
    out.trace = {example_identity(3).id()};
    return with_id(5, std::move(out));
}

wire::envelope make_deliver() { return with_id(6, wire::deliver{example_tag(), example_gathered()}); }

wire::envelope make_cancel() { return with_id(5, wire::cancel()); }

wire::envelope make_pong() { return with_id(1, wire::pong{address::ipv4(address_kind::udp, {192, 0, 2, 7}, 4001)}); }

wire::envelope make_nodes() { return with_id(2, wire::nodes{{example_contact()}}); }

wire::envelope make_values() { return with_id(3, wire::values{{example_value().to_item()}, {example_contact()}}); }

wire::envelope make_stored() { return with_id(4, wire::stored{some_day}); }

wire::envelope make_gathered() { return with_id(5, example_gathered()); }

wire::envelope make_delivered() { return with_id(6, wire::delivered()); }

wire::envelope make_error() { return with_id(4, wire::error{wire::error_code::cas_mismatch, "the sequence is 8"}); }

constexpr codec_example examples[] = {
    {"ping", make_ping},           {"find_node", make_find_node}, {"find_value", make_find_value},
    {"store", make_store},         {"forward", make_forward},     {"deliver", make_deliver},
    {"cancel", make_cancel},       {"pong", make_pong},           {"nodes", make_nodes},
    {"values", make_values},       {"stored", make_stored},       {"gathered", make_gathered},
    {"delivered", make_delivered}, {"error", make_error},
};
static_assert(std::size(examples) == std::variant_size_v<wire::message>, "every kind of message has an example");

}  // namespace

std::span<const codec_example> codec_examples() { return examples; }

}  // namespace mydht::tools
