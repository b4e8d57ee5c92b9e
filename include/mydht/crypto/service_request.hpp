#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <mydht/core/bytes.hpp>
#include <mydht/core/item.hpp>
#include <mydht/core/keys.hpp>
#include <mydht/core/random.hpp>
#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>
#include <mydht/crypto/identity.hpp>

/// Requests to services that travel through other peers, and their replies. One to a peer is sealed for it: the
/// exchange is Noise_NK_25519_ChaChaPoly_BLAKE2b (revision 34) with the request and the reply as the payloads of its
/// two messages, and the loop tag and the peer's id in the prologue. The asker stays unnamed. The request is as secret
/// as the peer's key is for ever; the reply is secret also from who gets that key later. Every reply is signed by who
/// answered, sealed or not, so that each peer on its way can tell a forged one.
namespace mydht {

/// What an asker says to one peer.
///
/// As it is sealed, for docs/wire-format.md (integers little-endian): version u8 = 1; deadline u64, milliseconds since
/// 1970-01-01 UTC; number, 16 bytes; the name, u8 length and characters; the body up to the end.
struct service_request {
    wall_time deadline{};  ///< nobody answers it later
    loop_tag number;  ///< random, the same when it is sent again under another tag: who has answered it does not again
    std::string service;
    bytes body;  ///< at most limits::request_bytes

    friend bool operator==(const service_request&, const service_request&) = default;
};

/// How a service ended with a request. The numbers travel.
enum class reply_outcome : std::uint8_t {
    done = 0,        ///< the body is its reply
    failed = 1,      ///< it failed; the code is the application's, 0 when it said none
    no_service = 2,  ///< the peer has no such service for requests that travel
    busy = 3,        ///< too many requests run there
    late = 4,        ///< it did not end in time
};

/// What a service says to an asker: u8 outcome; then, of `failed`, u32 code; of `done`, the body up to the end.
struct service_reply {
    reply_outcome outcome = reply_outcome::done;
    std::uint32_t code = 0;
    bytes body;  ///< at most limits::request_bytes

    friend bool operator==(const service_reply&, const service_reply&) = default;
};

[[nodiscard]] bytes encode_reply(const service_reply& what);
/// Errors: errc::truncated, errc::trailing_bytes, errc::too_large, errc::malformed for an outcome that there is not.
[[nodiscard]] result<service_reply> decode_reply(bytes_view data);

/// A request that was sealed for a peer, at its asker: what opens the reply. A moved-from one may only be destroyed or
/// assigned to.
class sealed_request {
public:
    /// Errors: errc::too_large for a body over its limit, errc::bad_argument for a name that is no
    /// valid_service_name(), errc::bad_key when the peer's is none.
    [[nodiscard]] static result<sealed_request> make(const public_key& to, const loop_tag& tag,
                                                     const service_request& what, random_source& random);

    sealed_request(sealed_request&&) noexcept;
    sealed_request& operator=(sealed_request&&) noexcept;
    ~sealed_request();

    /// What travels. Lives as long as this.
    [[nodiscard]] const bytes& body() const noexcept;

    /// Opens what opened_request::seal gave at the peer; may be tried again. Errors: errc::decrypt_failed and others of
    /// noise::handshake::read for something else.
    [[nodiscard]] result<bytes> open_reply(bytes_view sealed) const;

private:
    struct state;
    explicit sealed_request(std::unique_ptr<state> made) noexcept;

    std::unique_ptr<state> state_;
};

/// A sealed request at the peer that it is for. A moved-from one may only be destroyed or assigned to.
class opened_request {
public:
    /// `random` must outlive it. Errors: errc::decrypt_failed and others of noise::handshake::read when it was sealed
    /// for somebody else, under another tag, or changed; errc::unknown_version, errc::truncated, errc::too_large,
    /// errc::malformed; errc::value_expired when its deadline has passed or is farther away than `lifetime_max`, as for
    /// tickets.
    [[nodiscard]] static result<opened_request> open(const identity& self, const loop_tag& tag, bytes_view sealed,
                                                     wall_time now, std::chrono::milliseconds lifetime_max,
                                                     random_source& random);

    opened_request(opened_request&&) noexcept;
    opened_request& operator=(opened_request&&) noexcept;
    ~opened_request();

    /// Lives as long as this.
    [[nodiscard]] const service_request& what() const noexcept;

    /// Seals what is said to the asker; once. Errors: errc::too_large, errc::handshake_order the second time.
    [[nodiscard]] result<bytes> seal(bytes_view reply);

private:
    struct state;
    explicit opened_request(std::unique_ptr<state> opened) noexcept;

    std::unique_ptr<state> state_;
};

/// What a reply is signed for: the hash of everything in the request that stays the same on its way.
[[nodiscard]] id256 question_of(const loop_tag& tag, const id256& target, std::string_view service, bytes_view body);

/// Who answered what.
struct signed_reply {
    public_key answerer;
    bytes payload;

    friend bool operator==(const signed_reply&, const signed_reply&) = default;
};

/// The signature's kind for replies.
inline constexpr std::string_view reply_kind = "reply";

/// Signs a reply as it travels. Its body, for docs/wire-format.md: version u8 = 1; the answerer's public key, 32 bytes;
/// the payload up to the end. Signed as kind "reply" are the 32 bytes of question_of() and then the body.
[[nodiscard]] item sign_reply(const identity& self, const id256& question, bytes_view payload);

/// Errors: errc::malformed for an item that is no reply, errc::too_large, errc::unknown_version, errc::truncated;
/// errc::bad_key and errc::bad_signature when it was not signed, or for another question.
[[nodiscard]] result<signed_reply> open_reply(const item& what, const id256& question);

}  // namespace mydht
