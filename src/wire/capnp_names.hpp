#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <tuple>
#include <type_traits>

#include <mydht/wire/described.hpp>

/// What Cap'n Proto's generated classes call a field. They are not known here: the functions are templates, which only
/// the codec that knows them ever instantiates.
#define MYDHT_CAPNP_FIELD(name, Name)                      \
    struct name {                                          \
        template <typename Reader>                         \
        static auto get(const Reader& from) {              \
            return from.get##Name();                       \
        }                                                  \
        template <typename Builder>                        \
        static auto group(Builder& to) {                   \
            return to.get##Name();                         \
        }                                                  \
        template <typename Builder, typename Value>        \
        static void set(Builder& to, const Value& value) { \
            to.set##Name(value);                           \
        }                                                  \
        template <typename Builder, typename... Size>      \
        static auto init(Builder& to, Size... size) {      \
            return to.init##Name(size...);                 \
        }                                                  \
    }

/// The same of a member of a union.
#define MYDHT_CAPNP_ALTERNATIVE(name, Name)   \
    struct name {                             \
        template <typename Reader>            \
        static bool is(const Reader& from) {  \
            return from.is##Name();           \
        }                                     \
        template <typename Reader>            \
        static auto get(const Reader& from) { \
            return from.get##Name();          \
        }                                     \
        template <typename Builder>           \
        static auto init(Builder& to) {       \
            return to.init##Name();           \
        }                                     \
        template <typename Builder>           \
        static void choose(Builder& to) {     \
            to.set##Name();                   \
        }                                     \
    }

namespace mydht::wire {

namespace in_capnp {

MYDHT_CAPNP_FIELD(addresses, Addresses);
MYDHT_CAPNP_FIELD(body, Body);
MYDHT_CAPNP_FIELD(capabilities, Capabilities);
MYDHT_CAPNP_FIELD(code, Code);
MYDHT_CAPNP_FIELD(contacts, Contacts);
MYDHT_CAPNP_FIELD(copies, Copies);
MYDHT_CAPNP_FIELD(copy_left, CopyLeft);
MYDHT_CAPNP_FIELD(deadline, Deadline);
MYDHT_CAPNP_FIELD(delivered, Delivered);
MYDHT_CAPNP_FIELD(fan_out, FanOut);
MYDHT_CAPNP_FIELD(goal, Goal);
MYDHT_CAPNP_FIELD(hidden, Hidden);
MYDHT_CAPNP_FIELD(hops, Hops);
MYDHT_CAPNP_FIELD(item, Item);
MYDHT_CAPNP_FIELD(items, Items);
MYDHT_CAPNP_FIELD(key, Key);
MYDHT_CAPNP_FIELD(kind, Kind);
MYDHT_CAPNP_FIELD(kinds, Kinds);
MYDHT_CAPNP_FIELD(lifetime, Lifetime);
MYDHT_CAPNP_FIELD(observed, Observed);
MYDHT_CAPNP_FIELD(outcome, Outcome);
MYDHT_CAPNP_FIELD(paths, Paths);
MYDHT_CAPNP_FIELD(priority, Priority);
MYDHT_CAPNP_FIELD(proxy_hops, ProxyHops);
MYDHT_CAPNP_FIELD(results, Results);
MYDHT_CAPNP_FIELD(service, Service);
MYDHT_CAPNP_FIELD(signature, Signature);
MYDHT_CAPNP_FIELD(storing, Storing);
MYDHT_CAPNP_FIELD(stream, Stream);
MYDHT_CAPNP_FIELD(tag, Tag);
MYDHT_CAPNP_FIELD(target, Target);
MYDHT_CAPNP_FIELD(text, Text);
MYDHT_CAPNP_FIELD(trace, Trace);
MYDHT_CAPNP_FIELD(trace_max, TraceMax);
MYDHT_CAPNP_FIELD(wander, Wander);
MYDHT_CAPNP_FIELD(what, What);

MYDHT_CAPNP_ALTERNATIVE(as_cancel, Cancel);
MYDHT_CAPNP_ALTERNATIVE(as_deliver, Deliver);
MYDHT_CAPNP_ALTERNATIVE(as_delivered, Delivered);
MYDHT_CAPNP_ALTERNATIVE(as_error, Error);
MYDHT_CAPNP_ALTERNATIVE(as_find_node, FindNode);
MYDHT_CAPNP_ALTERNATIVE(as_find_value, FindValue);
MYDHT_CAPNP_ALTERNATIVE(as_forward, Forward);
MYDHT_CAPNP_ALTERNATIVE(as_gathered, Gathered);
MYDHT_CAPNP_ALTERNATIVE(as_nodes, Nodes);
MYDHT_CAPNP_ALTERNATIVE(as_ping, Ping);
MYDHT_CAPNP_ALTERNATIVE(as_pong, Pong);
MYDHT_CAPNP_ALTERNATIVE(as_request, Request);
MYDHT_CAPNP_ALTERNATIVE(as_store, Store);
MYDHT_CAPNP_ALTERNATIVE(as_stored, Stored);
MYDHT_CAPNP_ALTERNATIVE(as_values, Values);

/// A union: any sequence, or this one.
struct expected_sequence {
    template <typename Builder>
    static void write(Builder& to, const std::optional<std::uint64_t>& from) {
        if (from) to.getExpected().setSequence(*from);
    }
    /// False for a condition of a newer kind, which must not be taken for none.
    template <typename Reader>
    static bool read(const Reader& from, std::optional<std::uint64_t>& to) {
        const auto expected = from.getExpected();
        if (expected.isSequence()) to = expected.getSequence();
        return expected.isSequence() || expected.isAny();
    }
};

/// Two fields: the body, which is there or not, and its signature.
struct asker;

}  // namespace in_capnp

template <typename Alternative, typename Entry, typename... Entries>
constexpr auto schema_among(const Entry&, const Entries&... rest) {
    if constexpr (std::same_as<Alternative, typename Entry::type>) {
        return std::type_identity<typename Entry::schema>();
    } else {
        return schema_among<Alternative>(rest...);
    }
}

/// What Cap'n Proto calls an alternative of a choice.
template <typename Choice, typename Alternative>
using schema_of_alternative = typename decltype(std::apply(
    [](const auto&... entry) { return schema_among<Alternative>(entry...); }, described<Choice>::fields))::type;

}  // namespace mydht::wire
