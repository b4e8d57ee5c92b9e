#pragma once

#include <mydht/wire/described.hpp>

#include "wire/codec_conformance.hpp"
#include "wire/message_fields.hpp"

/// Messages of a build that is to come: with fields and alternatives behind those that exist. They are structs that
/// describe themselves, so that every codec that has no schema of its own writes them. The numbers between are for the
/// fields that come first.
namespace mydht::test::future {

struct extra {
    double weight = 0;
    std::vector<std::uint64_t> numbers;
    friend bool operator==(const extra&, const extra&) = default;
};

struct contact {
    public_key peer;
    std::uint32_t capabilities = 0;
    std::vector<address> addresses;
    std::string motto;
    std::vector<extra> extras;
};

struct nodes {
    std::vector<contact> contacts;
    std::optional<extra> summary;
};

struct error {
    std::uint16_t code = 0;
    std::string text;
    bool final = false;
};

struct gossip {
    std::string rumour;
};

using body = std::variant<wire::ping, nodes, error, gossip>;

struct envelope {
    std::optional<std::uint64_t> id;
    std::uint8_t version = 1;
    std::optional<wire::message_role> role;
    future::body body;
    std::int64_t sent_at = 0;
};

}  // namespace mydht::test::future

namespace mydht::wire {

namespace later = test::future;

template <>
struct described<later::extra> {
    static constexpr std::string_view name = "extra";
    static constexpr auto fields =
        std::tuple(member<&later::extra::weight>(1, "weight"), member<&later::extra::numbers>(2, "numbers"));
};

template <>
struct described<later::contact> {
    static constexpr std::string_view name = "contact";
    static constexpr auto fields =
        std::tuple(member<&later::contact::peer>(1, "key"), member<&later::contact::capabilities>(2, "capabilities"),
                   member<&later::contact::addresses>(3, "addresses"), retired<bool>(4, 19),
                   member<&later::contact::motto>(20, "motto"), retired<bool>(21, 29),
                   member<&later::contact::extras>(30, "extras"));
};

template <>
struct described<later::nodes> {
    static constexpr std::string_view name = "nodes";
    static constexpr auto fields = std::tuple(member<&later::nodes::contacts>(1, "contacts"), retired<bool>(2, 19),
                                              member<&later::nodes::summary>(20, "summary"));
};

template <>
struct described<later::error> {
    static constexpr std::string_view name = "error";
    static constexpr auto fields =
        std::tuple(member<&later::error::code>(1, "code"), member<&later::error::text>(2, "text"), retired<bool>(3, 49),
                   member<&later::error::final>(50, "final"));
};

template <>
struct described<later::gossip> {
    static constexpr std::string_view name = "gossip";
    static constexpr auto fields = std::tuple(member<&later::gossip::rumour>(1, "rumour"));
};

template <>
struct described<later::body> {
    static constexpr std::string_view name = "body";
    static constexpr auto fields =
        std::tuple(alternative<ping>(1, "ping"), alternative<later::nodes>(7, "nodes"),
                   alternative<later::error>(10, "error"), alternative<later::gossip>(40, "gossip"));
};

template <>
struct described<later::envelope> {
    static constexpr std::string_view name = "envelope";
    static constexpr auto fields =
        std::tuple(member<&later::envelope::id>(1, "id"), member<&later::envelope::version>(2, "version"),
                   member<&later::envelope::role>(3, "role"), member<&later::envelope::body>(4, "body"),
                   retired<bool>(5, 32), member<&later::envelope::sent_at>(33, "sent_at"));
};

}  // namespace mydht::wire

namespace mydht::test {

/// What `codec` makes of the messages to come.
newer_messages messages_to_come(const wire::any_codec& codec);

/// An answer of a kind that does not exist yet, to the request with this id.
bytes unknown_answer_to(const wire::any_codec& codec, std::uint64_t id);

}  // namespace mydht::test
