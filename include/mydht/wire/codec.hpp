#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>
#include <mydht/wire/codec_id.hpp>
#include <mydht/wire/decode_limits.hpp>
#include <mydht/wire/message.hpp>
#include <mydht/wire/shape.hpp>

namespace mydht::wire {

/// One way to write structs that describe themselves, and so the messages. Codecs have no state.
///
/// - `id` and `name`: how the handshake and configurations call it. Codecs of an application take ids from
///   codec_id_private on.
/// - `write(what, object, out)` appends the object to `out`. Errors: errc::bad_argument for a value that the encoding
///   has no form for; what `out` then has behind its old end does not matter.
/// - `read(data, what, object, limits, why)` fills a default constructed object from all of `data`, whatever its
///   alignment; the object then refers to nothing of `data`. False with the reason in `why`: errc::truncated,
///   errc::trailing_bytes, errc::malformed, errc::too_large for a limit, errc::not_supported for an alternative that is
///   not known. Does not throw for any input; checks limits before it reserves memory. Fields that the struct does not
///   have are passed over; those that are missing are empty.
template <typename T>
concept codec = std::is_empty_v<T> && std::default_initializable<T> &&
    requires(const T encoding, const shape& what, const void* from, bytes& out, bytes_view data, void* to,
             const decode_limits& limits, decode_error& why) {
    { T::id } -> std::convertible_to<codec_id>;
    { T::name } -> std::convertible_to<std::string_view>;
    { encoding.write(what, from, out) } -> std::same_as<result<void>>;
    { encoding.read(data, what, to, limits, why) } -> std::same_as<bool>;
};

/// A codec that has a form of its own for messages, beside the one for structs in general.
template <typename T>
concept message_codec = codec<T> && requires(const T encoding, const envelope& from, bytes& out, bytes_view data,
                                             envelope& to, const decode_limits& limits, decode_error& why) {
    { encoding.write_message(from, out) } -> std::same_as<result<void>>;
    { encoding.read_message(data, to, limits, why) } -> std::same_as<bool>;
};

/// Any codec: a pointer to what it can do. Copies are the same codec; one serves all sessions and threads.
///
/// What every codec keeps (docs/wire-format.md; tests/wire/codec_conformance.hpp tests it):
/// - decode(encode(x)) == x for every envelope within the limits;
/// - fields that the decoder does not know are ignored; a body whose kind it does not know gives errc::not_supported
///   with the id and the role in the decode_error;
/// - error codes that it does not know become error_code::unknown; address kinds, item kinds and capability bits that
///   it does not know are kept;
/// - the id of a contact is computed from the public key and never read;
/// - bytes behind the message are refused.
class any_codec {
public:
    template <codec T>
    any_codec(T) noexcept : does_(&table_of<T>) {}

    [[nodiscard]] codec_id id() const noexcept { return does_->id; }
    /// The name in configurations and in the command: "capnp", "json", ...
    [[nodiscard]] std::string_view name() const noexcept { return does_->name; }

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

    /// Appends a struct of an application, for readers with these limits. Errors, which leave `out` as it was:
    /// errc::too_large for a limit; errc::bad_argument for what no reader takes (a text that is not UTF-8, an empty
    /// address in a list, an optional or a variant, a length of time beyond 32 bits, what described<T>::complete
    /// refuses) and for a value that the encoding has no form for.
    template <is_described T>
    [[nodiscard]] result<void> encode_value(const T& value, bytes& out, const decode_limits& limits = {}) const {
        return write(shape_of<T>(), &value, out, limits);
    }

    /// Reads a struct that fills `data`. Errors: as decode().
    template <is_described T>
    [[nodiscard]] result<T> decode_value(bytes_view data, const decode_limits& limits = {},
                                         decode_error* why = nullptr) const {
        T out{};
        if (auto done = read(data, shape_of<T>(), &out, limits, why); !done) return failure(done.error());
        return out;
    }

    friend bool operator==(const any_codec& a, const any_codec& b) noexcept { return a.does_ == b.does_; }

private:
    struct table {
        codec_id id;
        std::string_view name;
        result<void> (*write)(const shape&, const void*, bytes&);
        bool (*read)(bytes_view, const shape&, void*, const decode_limits&, decode_error&);
        /// Null for codecs that write messages like other structs.
        result<void> (*write_message)(const envelope&, bytes&) = nullptr;
        bool (*read_message)(bytes_view, envelope&, const decode_limits&, decode_error&) = nullptr;
    };

    template <typename T>
    static constexpr table make_table() {
        table made{T::id, T::name,
                   [](const shape& what, const void* from, bytes& out) { return T().write(what, from, out); },
                   [](bytes_view data, const shape& what, void* to, const decode_limits& limits, decode_error& why) {
                       return T().read(data, what, to, limits, why);
                   }};
        if constexpr (message_codec<T>) {
            made.write_message = [](const envelope& from, bytes& out) { return T().write_message(from, out); };
            made.read_message = [](bytes_view data, envelope& to, const decode_limits& limits, decode_error& why) {
                return T().read_message(data, to, limits, why);
            };
        }
        return made;
    }

    template <typename T>
    static constexpr table table_of = make_table<T>();

    result<void> write(const shape& what, const void* from, bytes& out, const decode_limits& limits) const;
    result<void> read(bytes_view data, const shape& what, void* to, const decode_limits& limits,
                      decode_error* why) const;
    result<void> write_letter(const envelope& what, bytes& out) const;
    bool read_letter(bytes_view data, envelope& out, const decode_limits& limits, decode_error& why) const;

    const table* does_;
};

/// Cap'n Proto as schema/mydht.capnp has it: the reference encoding, which every peer speaks.
[[nodiscard]] any_codec capnp_codec() noexcept;
/// The same, packed: runs of zeros take two bytes.
[[nodiscard]] any_codec capnp_packed_codec() noexcept;
/// JSON (RFC 8259), to be read by people: bytes as base64url (RFC 4648 section 5, no padding), addresses as text.
[[nodiscard]] any_codec json_codec() noexcept;
/// CBOR (RFC 8949): maps with short names.
[[nodiscard]] any_codec cbor_codec() noexcept;
/// Bencode (BEP 3), canonical: dictionaries with short names.
[[nodiscard]] any_codec bencode_codec() noexcept;

/// Protocol Buffers as schema/mydht.proto has it. Only in builds with the option `protobuf`.
[[nodiscard]] any_codec protobuf_codec() noexcept;

/// All codecs of this build, the reference encoding first; Protocol Buffers among them when they were built in.
[[nodiscard]] std::span<const any_codec> all_codecs() noexcept;

/// All codecs of this build with this one first: what a session_config has when one is preferred.
[[nodiscard]] std::vector<any_codec> codecs_preferring(any_codec first);

/// A codec of this build by its name. Errors: errc::bad_argument.
[[nodiscard]] result<any_codec> find_codec(std::string_view name);

}  // namespace mydht::wire
