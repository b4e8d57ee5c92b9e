#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>

#include <mydht/crypto/ids.hpp>
#include <mydht/wire/described.hpp>
#include <mydht/wire/message.hpp>

#include "wire/capnp_names.hpp"

/// The fields of the messages, once for all codecs. A new one is added here and in the two schemas (schema/mydht.capnp,
/// schema/mydht.proto); tests/wire/test_capnp_schema.cpp and test_protobuf_schema.cpp compare.

namespace mydht::wire {

template <>
struct last_known<storage_mode> {
    static constexpr auto value = storage_mode_max;
};

template <>
struct last_known<gathered_outcome> {
    static constexpr auto value = gathered_outcome_max;
};

template <>
struct last_known<error_code> {
    static constexpr auto value = error_code_max;
};

template <>
struct described<contact> {
    static constexpr std::string_view name = "contact";
    static constexpr auto fields = std::tuple(
        member<&contact::peer, in_capnp::key>(1, "key"),
        member<&contact::capabilities, in_capnp::capabilities>(2, "capabilities"),
        member<&contact::addresses, in_capnp::addresses>(3, "addresses", &decode_limits::addresses_per_contact));
    /// The id is never read.
    static bool complete(contact& what) {
        what.id = node_id_of(what.peer);
        return true;
    }
};

template <>
struct described<item> {
    static constexpr std::string_view name = "item";
    static constexpr auto fields = std::tuple(
        member<&item::kind, in_capnp::kind>(1, "kind"), member<&item::deadline, in_capnp::deadline>(2, "deadline"),
        member<&item::body, in_capnp::body>(3, "body", &decode_limits::item_body_bytes),
        member<&item::sig, in_capnp::signature>(4, "signature"));
    static bool complete(const item& what) { return static_cast<std::uint8_t>(what.kind) != 0; }
};

template <>
struct described<signed_record> {
    static constexpr std::string_view name = "ticket";
    static constexpr auto fields = std::tuple(member<&signed_record::body>(1, "body", &decode_limits::ticket_bytes),
                                              member<&signed_record::sig>(2, "signature"));
};

template <>
struct described<ping> {
    static constexpr std::string_view name = "ping";
    static constexpr std::tuple<> fields{};
};

template <>
struct described<find_node> {
    static constexpr std::string_view name = "find_node";
    static constexpr auto fields = std::tuple(member<&find_node::target, in_capnp::target>(1, "target"),
                                              member<&find_node::kinds, in_capnp::kinds>(2, "kinds"));
};

template <>
struct described<find_value> {
    static constexpr std::string_view name = "find_value";
    static constexpr auto fields = std::tuple(member<&find_value::target, in_capnp::target>(1, "target"),
                                              member<&find_value::kinds, in_capnp::kinds>(2, "kinds"));
};

template <>
struct described<store> {
    static constexpr std::string_view name = "store";
    static constexpr auto fields = std::tuple(
        member<&store::target, in_capnp::target>(1, "target"), member<&store::what, in_capnp::item>(2, "item"),
        member<&store::expected_sequence, in_capnp::expected_sequence>(3, "expected_sequence"));
};

template <>
struct described<request> {
    static constexpr std::string_view name = "request";
    static constexpr auto fields =
        std::tuple(member<&request::target, in_capnp::target>(1, "target"),
                   member<&request::service, in_capnp::service>(2, "service", &decode_limits::service_name_bytes),
                   member<&request::body, in_capnp::body>(3, "body", &decode_limits::request_body_bytes));
};

template <>
struct described<decltype(forward::goal)> {
    static constexpr std::string_view name = "goal";
    static constexpr auto fields = std::tuple(alternative<find_node, in_capnp::as_find_node>(1, "find_node"),
                                              alternative<find_value, in_capnp::as_find_value>(2, "find_value"),
                                              alternative<store, in_capnp::as_store>(3, "store"),
                                              alternative<request, in_capnp::as_request>(4, "request"));
};

template <>
struct described<forward> {
    static constexpr std::string_view name = "forward";
    static constexpr auto fields = std::tuple(
        member<&forward::tag, in_capnp::tag>(1, "tag"), member<&forward::goal, in_capnp::goal>(2, "goal"),
        member<&forward::lifetime, in_capnp::lifetime>(3, "lifetime"),
        member<&forward::hops, in_capnp::hops>(4, "hops"), member<&forward::wander, in_capnp::wander>(5, "wander"),
        member<&forward::fan_out, in_capnp::fan_out>(6, "fan_out"),
        member<&forward::paths, in_capnp::paths>(7, "paths"),
        member<&forward::priority, in_capnp::priority>(8, "priority"),
        member<&forward::results, in_capnp::results>(9, "results"),
        member<&forward::storing, in_capnp::storing>(10, "storing"),
        member<&forward::trace_max, in_capnp::trace_max>(11, "trace_max"),
        member<&forward::trace, in_capnp::trace>(12, "trace", &decode_limits::trace),
        member<&forward::asker, in_capnp::asker>(13, "asker"),
        member<&forward::proxy_hops, in_capnp::proxy_hops>(14, "proxy_hops"),
        member<&forward::stream, in_capnp::stream>(15, "stream"),
        member<&forward::hidden, in_capnp::hidden>(16, "hidden"));
};

template <>
struct described<gathered> {
    static constexpr std::string_view name = "gathered";
    static constexpr auto fields =
        std::tuple(member<&gathered::outcome, in_capnp::outcome>(1, "outcome"),
                   member<&gathered::copies, in_capnp::copies>(2, "copies"),
                   member<&gathered::items, in_capnp::items>(3, "items", &decode_limits::items),
                   member<&gathered::contacts, in_capnp::contacts>(4, "contacts", &decode_limits::contacts),
                   member<&gathered::delivered, in_capnp::delivered>(5, "delivered"),
                   member<&gathered::copy_left, in_capnp::copy_left>(6, "copy_left"));
};

template <>
struct described<deliver> {
    static constexpr std::string_view name = "deliver";
    static constexpr auto fields =
        std::tuple(member<&deliver::tag, in_capnp::tag>(1, "tag"), member<&deliver::what, in_capnp::what>(2, "what"));
};

template <>
struct described<cancel> {
    static constexpr std::string_view name = "cancel";
    static constexpr std::tuple<> fields{};
};

template <>
struct described<pong> {
    static constexpr std::string_view name = "pong";
    static constexpr auto fields = std::tuple(member<&pong::observed, in_capnp::observed>(1, "observed"));
};

template <>
struct described<nodes> {
    static constexpr std::string_view name = "nodes";
    static constexpr auto fields =
        std::tuple(member<&nodes::contacts, in_capnp::contacts>(1, "contacts", &decode_limits::contacts));
};

template <>
struct described<values> {
    static constexpr std::string_view name = "values";
    static constexpr auto fields =
        std::tuple(member<&values::items, in_capnp::items>(1, "items", &decode_limits::items),
                   member<&values::contacts, in_capnp::contacts>(2, "contacts", &decode_limits::contacts));
};

template <>
struct described<stored> {
    static constexpr std::string_view name = "stored";
    static constexpr auto fields = std::tuple(member<&stored::deadline, in_capnp::deadline>(1, "deadline"));
};

template <>
struct described<delivered> {
    static constexpr std::string_view name = "delivered";
    static constexpr std::tuple<> fields{};
};

template <>
struct described<error> {
    static constexpr std::string_view name = "error";
    static constexpr auto fields =
        std::tuple(member<&error::code, in_capnp::code>(1, "code"),
                   member<&error::text, in_capnp::text>(2, "text", &decode_limits::text_bytes));
};

template <>
struct described<message> {
    static constexpr std::string_view name = "body";
    static constexpr auto fields = std::tuple(
        alternative<ping, in_capnp::as_ping>(1, "ping"), alternative<find_node, in_capnp::as_find_node>(2, "find_node"),
        alternative<find_value, in_capnp::as_find_value>(3, "find_value"),
        alternative<store, in_capnp::as_store>(4, "store"), alternative<cancel, in_capnp::as_cancel>(5, "cancel"),
        alternative<pong, in_capnp::as_pong>(6, "pong"), alternative<nodes, in_capnp::as_nodes>(7, "nodes"),
        alternative<values, in_capnp::as_values>(8, "values"), alternative<stored, in_capnp::as_stored>(9, "stored"),
        alternative<error, in_capnp::as_error>(10, "error"), alternative<forward, in_capnp::as_forward>(11, "forward"),
        alternative<gathered, in_capnp::as_gathered>(12, "gathered"),
        alternative<deliver, in_capnp::as_deliver>(13, "deliver"),
        alternative<delivered, in_capnp::as_delivered>(14, "delivered"));
};

/// The lowest version that a reader has to know, and the highest that this build knows.
inline constexpr std::uint8_t message_version = 1;

/// What readers need to handle a body that they do not know. What an envelope always has is optional here, so that it
/// is written even when it is 0, and missed when it is not there.
struct letter_head {
    std::optional<std::uint64_t> id;
    std::uint8_t version = 0;
    std::optional<message_role> role;
};

/// An envelope as it travels.
struct letter : letter_head {
    const message* body = nullptr;  ///< where it lies, or where it is to be read to
};

template <>
struct described<letter_head> {
    static constexpr std::string_view name = "envelope";
    static constexpr auto fields =
        std::tuple(member<&letter_head::id>(1, "id"), member<&letter_head::version>(2, "version"),
                   member<&letter_head::role>(3, "role"));
};

template <>
struct described<letter> {
    static constexpr std::string_view name = "envelope";
    static constexpr auto fields =
        std::tuple(member<&letter::id>(1, "id"), member<&letter::version>(2, "version"),
                   member<&letter::role>(3, "role"), member<&letter::body, detail::in_place>(4, "body"));
};

}  // namespace mydht::wire
