#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/core/contact.hpp>
#include <mydht/core/item.hpp>
#include <mydht/crypto/peer_record.hpp>

/// The messages of the protocol as plain structs. A codec turns them into bytes and back; nothing else knows how they
/// look on the wire. Field meanings, limits and versions: docs/wire-format.md.
namespace mydht::wire {

/// A set of address kinds, one bit a kind: bit n stands for address_kind n.
using kind_mask = std::uint32_t;
[[nodiscard]] constexpr kind_mask mask_of(address_kind kind) noexcept {
    return kind_mask{1} << static_cast<unsigned>(kind);
}

// --- requests --------------------------------------------------------------------------------------------------------

struct ping {
    friend bool operator==(const ping&, const ping&) = default;
};

/// Asks for the contacts nearest to `target` that have an address of one of the kinds.
struct find_node {
    node_id target;
    kind_mask kinds = 0;
    friend bool operator==(const find_node&, const find_node&) = default;
};

/// Asks for the items of a key, and for the nearest contacts beside them.
struct find_value {
    key target;
    kind_mask kinds = 0;
    friend bool operator==(const find_value&, const find_value&) = default;
};

/// Asks to keep an item.
struct store {
    key target;
    item what;
    std::optional<std::uint64_t> expected_sequence;  ///< compare-and-swap: keep only over exactly this stored sequence
    friend bool operator==(const store&, const store&) = default;
};

/// Asks a service, as the goal of a forwarded query: of the peer whose id the target is, for whom the body is sealed
/// (seal_request), or of whoever serves it nearest to the target.
struct request {
    id256 target;
    std::string service;  ///< empty when the body is sealed and has the name inside; at most limits::service_name_bytes
    bytes body;           ///< at most limits::request_body_bytes
    [[nodiscard]] bool is_sealed() const noexcept { return service.empty(); }
    friend bool operator==(const request&, const request&) = default;
};

/// What a forwarded query leaves behind at the peers that it passes.
enum class storage_mode : std::uint8_t {
    none = 0,      ///< nothing
    answerer = 1,  ///< a put: only where it ends
    path = 2,      ///< a put: also where it passes, at so many peers as there are results
    cache = 3,     ///< a get: what is found, for a short time, at the peers that the answer passes
};
inline constexpr storage_mode storage_mode_max = storage_mode::cache;

/// A query that goes from peer to peer; its answers come back the same way, or straight to whoever has signed a ticket
/// for them. Every peer sends it on under an id of its own and tells the next one no more than what stands here.
struct forward {
    loop_tag tag;
    std::variant<find_node, find_value, store, request> goal;
    std::chrono::milliseconds lifetime{0};  ///< for the answer to be here; at most 2^32 - 1
    std::uint8_t hops = 0;                  ///< how many times more it may be sent on
    std::uint8_t wander = 0;                ///< so many times at random before it goes towards its target
    std::uint8_t fan_out = 1;               ///< peers that each peer sends it to
    std::uint8_t paths = 1;                 ///< into how many it may still split, this one included
    std::uint8_t priority = 0;
    /// Values that are wanted; with storage_mode::path the copies that peers on the way may keep.
    std::uint8_t results = 1;
    storage_mode storing = storage_mode::none;
    std::uint8_t trace_max = 0;  ///< visited peers to be named, the last ones; 0 when the asker hides
    std::vector<node_id> trace;  ///< the oldest first; at most limits::trace_per_message
    std::optional<signed_record>
        asker;                    ///< an asker_ticket: who has something brings it there. At most limits::ticket_bytes
    std::uint8_t proxy_hops = 0;  ///< the peer that gets a 1 signs a ticket of its own; 0: nobody does
    bool stream = false;          ///< what is found is delivered to the peer that sent this, as it comes
    bool hidden = false;  ///< nothing else tells an asker from who passes it on; the fields above have fixed values
    friend bool operator==(const forward&, const forward&) = default;
};

/// How a forwarded query ended at a peer.
enum class gathered_outcome : std::uint8_t {
    nothing = 0,  ///< it came as far as it may, and there was nothing; also for a number that this build does not know
    found = 1,    ///< there is something in the answer
    duplicate = 2,  ///< the peer has seen the tag before: it gives what it has itself, and sends nothing on
    partial = 3,    ///< nothing yet, and somebody was cut off, silent or refused
};
inline constexpr gathered_outcome gathered_outcome_max = gathered_outcome::partial;

/// What peers behind this one brought together for a forwarded query.
struct gathered {
    gathered_outcome outcome = gathered_outcome::nothing;
    std::uint16_t copies = 0;  ///< of a put: peers that say they keep the item
    std::vector<item> items;
    std::vector<contact> contacts;
    std::uint8_t delivered = 0;  ///< deliveries that were taken before this answer
    /// One of the items is a cached copy, or was where it came from, that has so long to live; 0: none is. At most 2^32
    /// - 1.
    std::chrono::milliseconds copy_left{0};
    friend bool operator==(const gathered&, const gathered&) = default;
};

/// Brings what was found to whoever collects it for the tag, ahead of the answer or instead of it. The same delivery
/// may come twice.
struct deliver {
    loop_tag tag;
    gathered what;
    friend bool operator==(const deliver&, const deliver&) = default;
};

/// Takes the request with the id of the envelope back: its answer is not awaited any more. Has no answer itself.
struct cancel {
    friend bool operator==(const cancel&, const cancel&) = default;
};

// --- answers ---------------------------------------------------------------------------------------------------------

struct pong {
    address observed;  ///< where the asker's messages seem to come from; empty when the transport does not tell
    friend bool operator==(const pong&, const pong&) = default;
};

struct nodes {
    std::vector<contact> contacts;
    friend bool operator==(const nodes&, const nodes&) = default;
};

struct values {
    std::vector<item> items;
    std::vector<contact> contacts;
    friend bool operator==(const values&, const values&) = default;
};

struct stored {
    wall_time deadline;  ///< until when the holder means to keep it
    friend bool operator==(const stored&, const stored&) = default;
};

/// Somebody waits for what was delivered, and has it.
struct delivered {
    friend bool operator==(const delivered&, const delivered&) = default;
};

/// Why a peer did not do what it was asked. Its own words, never mixed with our errc: a peer may lie.
enum class error_code : std::uint16_t {
    unknown = 0,        ///< a code that this build does not know
    malformed = 1,      ///< the request did not decode or broke a limit
    not_supported = 2,  ///< the request is of a kind that the peer does not know
    busy = 3,           ///< too much at once; later may work
    client_only = 4,    ///< the peer answers no queries
    too_large = 5,      ///< the value is over the limit
    bad_signature = 6,  ///< the signature or the key does not fit
    stale = 7,          ///< the peer has a newer item
    cas_mismatch = 8,   ///< the stored sequence is not the expected one
    expired = 9,        ///< the deadline has passed or is not allowed
    refused = 10,       ///< the namespace's check said no, or the namespace is unknown
    full = 11,          ///< no room for this item
    internal = 12,      ///< the peer failed
    throttled = 13,     ///< the asker, or its network, asks more than the peer answers; later works
};

/// The highest code that this build knows.
inline constexpr error_code error_code_max = error_code::throttled;

struct error {
    error_code code = error_code::unknown;
    std::string text;  ///< for people; at most limits::error_text_bytes
    friend bool operator==(const error&, const error&) = default;
};

using message = std::variant<ping, find_node, find_value, store, forward, deliver, cancel, pong, nodes, values, stored,
                             gathered, delivered, error>;

/// A message on its way: `id` is the asker's, unique among its requests under way on the session; the answer repeats
/// it.
struct envelope {
    std::uint64_t id = 0;
    message body;
    friend bool operator==(const envelope&, const envelope&) = default;
};

[[nodiscard]] constexpr bool is_request(const message& m) noexcept { return m.index() < 6; }
[[nodiscard]] constexpr bool is_answer(const message& m) noexcept { return m.index() > 6; }

/// A request that changes nothing when it comes again, so that it does no harm when somebody else sends its packet
/// again.
[[nodiscard]] constexpr bool may_travel_early(const message& m) noexcept {
    return m.index() < 3 || std::holds_alternative<deliver>(m);
}

/// What the receiver owes for a message. It travels beside the body, so that a body of a kind that the receiver does
/// not know is still handled rightly: an unknown request is answered with an error, an unknown answer fails the request
/// that it belongs to, an unknown notice is dropped. The numbers travel on the wire.
enum class message_role : std::uint8_t {
    request = 0,  ///< awaits an answer with the same id
    answer = 1,   ///< belongs to the receiver's own request of that id
    notice = 2,   ///< awaits nothing
};

[[nodiscard]] constexpr message_role role_of(const message& m) noexcept {
    if (is_request(m)) return message_role::request;
    return is_answer(m) ? message_role::answer : message_role::notice;
}

}  // namespace mydht::wire
