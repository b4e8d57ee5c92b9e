#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <mydht/core/contact.hpp>
#include <mydht/core/random.hpp>
#include <mydht/crypto/identity.hpp>
#include <mydht/crypto/noise.hpp>
#include <mydht/session/session_config.hpp>
#include <mydht/wire/handshake_payload.hpp>
#include <mydht/wire/preamble.hpp>

/// What handshakes on streams and on datagrams have in common: who this node is, and what a payload of the peer must
/// be.
namespace mydht::detail {

/// What one node brings into all of its handshakes. `random` and the agreement must outlive it.
struct local_party {
    /// The configuration must be valid.
    local_party(std::shared_ptr<const identity> self, const session_config& config, random_source& random);

    std::shared_ptr<const identity> self;
    noise::key_pair static_keys;
    noise::protocol xx;
    noise::protocol ik;
    const noise::dh* agreement;
    random_source* random;
    wire::preamble hello;
    bytes prologue;
    std::vector<secret<32>> psks;
    std::vector<wire::codec_id> codecs;
    std::uint32_t capabilities = 0;
    std::vector<address> addresses;

    [[nodiscard]] bool secured() const noexcept { return hello.mode == wire::link_mode::secured; }
};

/// What a handshake ends in.
struct handshake_outcome {
    contact peer;  ///< its addresses as the peer says them
    wire::codec_id codec = wire::codec_id::none;
    std::optional<noise::cipher_pair> ciphers;  ///< none on a plain link
};

/// Where a Noise handshake of this node starts; `prologue` must outlive the configuration.
[[nodiscard]] noise::handshake_config noise_config(const local_party& party, const noise::protocol& protocol,
                                                   noise::role side, bytes_view prologue);

[[nodiscard]] wire::handshake_payload own_payload(const local_party& party, std::uint8_t version,
                                                  wire::codec_id chosen);

/// Whom the payload proves. `proven` is the static key of the handshake; none on a plain link, which proves nothing, so
/// that the claim stands as it is. `pinned`: the identity to insist on. Errors: errc::bad_key, errc::identity_mismatch
/// (another identity than the pinned one, or the key in the payload is not the one of the handshake),
/// errc::self_connection, errc::protocol_violation (somebody changed the version on its way).
[[nodiscard]] result<contact> judge_payload(const local_party& party, std::uint8_t version,
                                            const std::optional<noise::public_key>& proven,
                                            const std::optional<node_id>& pinned,
                                            const wire::handshake_payload& theirs);

/// What the payload says of the codec. `offered`: it came first, so the choice is ours.
/// Errors: errc::not_supported when there is none in common, errc::protocol_violation for a choice that cannot be.
[[nodiscard]] result<wire::codec_id> settle_codec(const local_party& party, const wire::handshake_payload& theirs,
                                                  bool offered);

}  // namespace mydht::detail
