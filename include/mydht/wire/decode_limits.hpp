#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <mydht/core/limits.hpp>
#include <mydht/core/result.hpp>
#include <mydht/wire/message.hpp>

namespace mydht::wire {

/// What a decoder accepts. The defaults are the limits of the protocol; a node may only go below them (it then refuses
/// what it could have had). Every one is checked before memory is reserved for what it bounds.
struct decode_limits {
    /// The encoded message, in bytes.
    std::size_t message_bytes = limits::message_bytes;
    /// The bytes that the decoder may visit, in sum. Guards encodings in which one part can be referred to many times,
    /// and bounds what a packed message unpacks to.
    std::size_t visited_bytes = limits::message_bytes;
    /// How deep structs, variants and lists may lie in each other, each of which counts one; at most nesting_max.
    std::size_t nesting = 16;
    std::size_t contacts = limits::contacts_per_message;
    std::size_t addresses_per_contact = limits::addresses_per_contact;
    std::size_t items = limits::values_per_message;
    /// The body of one item, in bytes.
    std::size_t item_body_bytes = limits::item_body_bytes;
    /// Visited peers that a forwarded query names.
    std::size_t trace = limits::trace_per_message;
    /// The body of an asker's ticket, in bytes.
    std::size_t ticket_bytes = limits::ticket_bytes;
    /// The name of a service and the body of a request that travels, in bytes.
    std::size_t service_name_bytes = limits::service_name_bytes;
    std::size_t request_body_bytes = limits::request_body_bytes;
    /// The text of an error, in bytes.
    std::size_t text_bytes = limits::error_text_bytes;
    /// The elements of all lists of an application's struct together: a few bytes may stand for a large one.
    std::size_t elements = 16384;
};

/// Nobody may allow more nesting than this.
inline constexpr std::size_t nesting_max = 32;

/// Where and why a message did not decode: for the log, and for the answer to a request that could not be understood.
struct decode_error {
    errc code = errc::malformed;
    /// The first byte that is wrong, counted from the start of the message, when the decoder can tell.
    std::optional<std::size_t> offset{};
    /// The path of the field, as "body.nodes.contacts.addresses"; empty when the message as a whole is wrong.
    std::string field{};
    /// The id of the envelope and what its sender awaits, when they could still be read: a request then deserves
    /// error{malformed | not_supported | too_large} with this id, an answer ends the request that it belongs to.
    std::optional<std::uint64_t> id{};
    message_role role = message_role::request;
};

}  // namespace mydht::wire
