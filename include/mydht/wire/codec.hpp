#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <mydht/core/bytes.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/core/result.hpp>
#include <mydht/wire/codec_id.hpp>
#include <mydht/wire/message.hpp>

namespace mydht::wire {

/// What a decoder accepts. The defaults are the limits of the protocol; a node may only go below them (it then refuses
/// what it could have had). Every one is checked before memory is reserved for what it bounds.
struct decode_limits {
    /// The encoded message, in bytes.
    std::size_t message_bytes = limits::message_bytes;
    /// The bytes that the decoder may visit, in sum. Guards encodings in which one part can be referred to many times.
    std::size_t visited_bytes = limits::message_bytes;
    /// How deep structures and lists may lie in each other.
    std::size_t nesting = 16;
    std::size_t contacts = limits::contacts_per_message;
    std::size_t addresses_per_contact = limits::addresses_per_contact;
    std::size_t items = limits::values_per_message;
    /// The body of one item, in bytes.
    std::size_t item_body_bytes = limits::item_body_bytes;
    /// Visited peers that a forwarded query names.
    std::size_t trace = limits::trace_per_message;
    /// The text of an error, in bytes.
    std::size_t text_bytes = limits::error_text_bytes;
};

/// Where and why a message did not decode: for the log, and for the answer to a request that could not be understood.
struct decode_error {
    errc code = errc::malformed;
    /// The first byte that is wrong, counted from the start of the message, when the decoder can tell.
    std::optional<std::size_t> offset{};
    /// The path of the field, as "nodes.contacts.addresses"; empty when the message as a whole is wrong. Static
    /// storage.
    std::string_view field{};
    /// The id of the envelope and what its sender awaits, when they could still be read: a request then deserves
    /// error{malformed | not_supported | too_large} with this id, an answer ends the request that it belongs to.
    std::optional<std::uint64_t> id{};
    message_role role = message_role::request;
};

/// One encoding of the messages. A codec has no state: one object serves all sessions and threads.
///
/// What every codec keeps (docs/wire-format.md; tests/wire/codec_conformance.hpp tests it):
/// - decode(encode(x)) == x for every envelope within the limits;
/// - fields that the decoder does not know are ignored; a body whose kind it does not know gives errc::not_supported
///   with the id and the role in the decode_error;
/// - error codes that it does not know become error_code::unknown; address kinds, item kinds and capability bits that
///   it does not know are kept;
/// - the id of a contact is computed from the public key and never read;
/// - bytes behind the message are refused.
class codec {
public:
    virtual ~codec() = default;

    [[nodiscard]] virtual codec_id id() const noexcept = 0;
    /// The name in configurations and in the command: "capnp", "json", ...
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;

    /// Appends the encoded message to `out`; `out` may hold other bytes already and keeps them.
    /// Errors, all of which leave `out` as it was: errc::too_large when the message breaks a limit of the protocol,
    /// errc::bad_argument when it has a field that no peer would accept (a text that is not UTF-8, an empty address, an
    /// item of kind 0).
    [[nodiscard]] result<void> encode(const envelope& what, bytes& out) const;

    /// Reads one message that fills `data`, whatever its alignment. Nothing of the result refers to `data`.
    /// Errors: errc::truncated, errc::trailing_bytes, errc::malformed, errc::too_large for a limit,
    /// errc::unknown_version when the sender says that older builds cannot understand the message, errc::not_supported
    /// for an unknown body. `why`, when given, gets the details of a failure and is untouched otherwise.
    [[nodiscard]] result<envelope> decode(bytes_view data, const decode_limits& limits = {},
                                          decode_error* why = nullptr) const;

protected:
    codec() = default;
    codec(const codec&) = default;
    codec& operator=(const codec&) = default;

private:
    /// Gets only messages within the limits of the protocol. Appends to `out`.
    virtual result<void> do_encode(const envelope& what, bytes& out) const = 0;
    /// Gets at most limits.message_bytes. Returns the details of a failure instead of a bare code.
    virtual tl::expected<envelope, decode_error> do_decode(bytes_view data, const decode_limits& limits) const = 0;
};

/// Cap'n Proto as schema/mydht.capnp has it: the reference encoding, which every peer speaks. Lives for ever.
[[nodiscard]] const codec& capnp_codec() noexcept;

}  // namespace mydht::wire
