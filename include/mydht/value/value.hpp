#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <mydht/core/bytes.hpp>
#include <mydht/core/id.hpp>
#include <mydht/core/item.hpp>
#include <mydht/core/keys.hpp>
#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>

namespace mydht {

class identity;
class signed_value;

/// A value that was made here or that passed every check of open(): what applications put and get, as opposed to the
/// item, its opaque form on the wire and in stores. Plain and copyable; nothing in it reads a clock or does I/O.
///
///     auto greeting = value::immutable("hello");
///     auto profile = value::signed_by(me, "I am here").salt("profile").sequence(2).deadline(until).sign();
///
/// The bodies (integers little-endian, short and long byte strings behind a u16 and a u32 length):
///
///     immutable     short namespace, long content             key = immutable_key(namespace, content)
///     mutable       u8 version 1, short namespace, 32 bytes author, short salt, u64 sequence, u64 deadline in ms,
///                   long content                              key = mutable_key(author, salt)
///     tombstone     as mutable, without the content           key = mutable_key(author, salt)
///     peer record   see mydht/crypto/peer_record.hpp          key = node_id_of(public key)
///
/// Signed are the last three, as the kinds "mutable", "tombstone" and "peer".
class value {
public:
    /// No value: check() refuses it.
    value();

    /// Content whose hash is its key. Never fails; what is over a limit is told by check(). Has no deadline yet: the
    /// put gives it one, or with_deadline().
    [[nodiscard]] static value immutable(bytes_view content, std::string_view name_space = {});
    [[nodiscard]] static value immutable(std::string_view content, std::string_view name_space = {});

    /// Begins a value that `author` signs and may later replace. Only the chain's sign() makes the value; `author`
    /// must live until then.
    [[nodiscard]] static signed_value signed_by(const identity& author, bytes_view content);
    [[nodiscard]] static signed_value signed_by(const identity& author, std::string_view content);

    /// Begins the author's signed word that the value is gone. Its deadline is the longest lifetime after `written`, so
    /// that it outlives every copy of what it deletes.
    [[nodiscard]] static signed_value tombstone_by(const identity& author, wall_time written);

    /// Checks an item from anywhere and opens it: layout and version, size limits, deadline, key, and signature,
    /// cheapest first. Only the rules of its namespace are left to ask (mydht/value/namespaces.hpp).
    /// Errors: errc::malformed, errc::truncated, errc::trailing_bytes, errc::too_large, errc::unknown_version for the
    /// body; errc::value_too_large for content over limits::inline_value_bytes; errc::value_expired for a deadline that
    /// has passed or lies too far ahead (check_deadline()); errc::wrong_key; errc::bad_key; errc::bad_signature.
    [[nodiscard]] static result<value> open(const id256& expected, item what, wall_time now);

    /// Where an item says that it lives. Says nothing of whether it holds. Errors: those of open() for the body.
    [[nodiscard]] static result<id256> key_of(item what);

    /// Success when the value can be put: it is one, and within the limits. Values from open() and sign() always are.
    /// Errors: errc::bad_argument for no value, errc::value_too_large, errc::too_large for the namespace.
    [[nodiscard]] result<void> check() const;

    /// The form for the wire and the store. Of a value that check() refuses, an item that no open() accepts.
    [[nodiscard]] item to_item() const&;
    [[nodiscard]] item to_item() &&;

    /// Where the value lives.
    [[nodiscard]] const id256& key() const noexcept { return key_; }
    [[nodiscard]] item_kind kind() const noexcept { return kind_; }
    [[nodiscard]] bool is_tombstone() const noexcept { return kind_ == item_kind::tombstone; }
    /// The content, byte-exact; empty for tombstones; the whole signed body for peer records. Lives as long as the
    /// value.
    [[nodiscard]] bytes_view content() const noexcept;
    /// The content as text, unchanged.
    [[nodiscard]] std::string_view text() const noexcept { return as_text(content()); }
    /// Whose rules apply; the empty name is the default namespace.
    [[nodiscard]] const std::string& name_space() const noexcept { return name_space_; }
    /// Who signed it; nobody for immutable values.
    [[nodiscard]] const std::optional<public_key>& author() const noexcept { return author_; }
    /// Tells the values of one author apart; empty for kinds without one.
    [[nodiscard]] bytes_view salt() const noexcept { return salt_; }
    /// Higher is newer; 0 for immutable values.
    [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }
    /// When the value ends unless it is renewed. The epoch for an immutable value that was not given one yet.
    [[nodiscard]] wall_time deadline() const noexcept { return deadline_; }
    /// The author's signature over the body; zero for immutable values.
    [[nodiscard]] const signature& sig() const noexcept { return sig_; }

    /// The same immutable value with another deadline, which its hash does not cover. Other kinds stay as they are,
    /// since their deadline is signed: see renewed().
    [[nodiscard]] value with_deadline(wall_time deadline) const;

    /// The same sequence and content, signed again with a later deadline.
    /// Errors: errc::bad_argument for a deadline that is not later, or a kind that renewal has no meaning for
    /// (immutable, peer record); errc::identity_mismatch when `author` is not who signed the value.
    [[nodiscard]] result<value> renewed(const identity& author, wall_time deadline) const;

    /// Same key, same bytes, same deadline.
    friend bool operator==(const value& a, const value& b) noexcept;

private:
    friend class signed_value;

    static result<value> read(item what);
    static result<value> open_peer_record(const id256& expected, item what, wall_time now);
    result<void> read_immutable();
    result<void> read_signed();

    item_kind kind_ = item_kind::immutable;
    id256 key_;
    std::string name_space_;
    std::optional<public_key> author_;
    bytes salt_;
    std::uint64_t sequence_ = 0;
    wall_time deadline_;
    bytes body_;
    std::size_t content_begin_ = 0;  // the content is the rest of the body from here
    signature sig_;
    std::error_code problem_ = errc::bad_argument;
};

/// A value on its way to being signed; see value::signed_by(). Setters may be chained and may be called in any order.
class signed_value {
public:
    /// Several values of one author live under different salts.
    signed_value& salt(bytes_view salt);
    signed_value& salt(std::string_view salt);
    /// Higher replaces lower; 1 when not set.
    signed_value& sequence(std::uint64_t sequence);
    /// When the value ends unless it is renewed. Must be set; a tombstone takes it only when it is later than its own.
    signed_value& deadline(wall_time deadline);
    signed_value& in_namespace(std::string_view name_space);

    /// Makes the value. Errors: errc::value_too_large; errc::too_large for the salt or the namespace;
    /// errc::bad_argument for a deadline that was not set or lies before 1970.
    [[nodiscard]] result<value> sign() const;

private:
    friend class value;
    signed_value(item_kind kind, const identity& author, bytes_view content, wall_time deadline);

    item_kind kind_;
    const identity* author_;
    bytes content_;
    bytes salt_;
    std::string name_space_;
    std::uint64_t sequence_ = 1;
    wall_time deadline_;
};

}  // namespace mydht
