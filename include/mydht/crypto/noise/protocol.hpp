#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <mydht/core/result.hpp>

namespace mydht::noise {

enum class role : std::uint8_t { initiator, responder };

enum class hash_kind : std::uint8_t { blake2b, sha256, sha512 };

/// The size of a digest in bytes.
[[nodiscard]] std::size_t hash_size(hash_kind kind) noexcept;

/// One step inside a handshake message (revision 34 section 7.1).
enum class token : std::uint8_t { e, s, ee, es, se, ss, psk };

/// A handshake pattern with its psk modifiers, and a hash; the cipher is ChaChaPoly. Small, copied freely.
///
/// Patterns: the one-way N, K, X; the interactive NN to IX; the deferred NK1 to I1X1 (revision 34 sections 7.4, 7.5,
/// 18.1); each with any ascending choice of psk0 to psk<number of messages>. Not: fallback, BLAKE2s, AESGCM, 448.
class protocol {
public:
    static constexpr std::size_t messages_max = 4;
    static constexpr std::size_t tokens_max = 8;

    /// Reads "Noise_XXpsk0+psk3_25519_ChaChaPoly_BLAKE2b". Errors: errc::malformed when it is no protocol name,
    /// errc::not_supported when it names something that this build has not.
    [[nodiscard]] static result<protocol> parse(std::string_view name);

    /// The name, with another name in place of "25519" for another key agreement.
    [[nodiscard]] std::string name(std::string_view dh_name = "25519") const;

    [[nodiscard]] hash_kind hash() const noexcept { return hash_; }

    /// How many messages the handshake has: the initiator writes the even ones, counted from 0.
    [[nodiscard]] std::size_t messages() const noexcept { return message_count_; }
    [[nodiscard]] bool one_way() const noexcept { return message_count_ == 1; }
    [[nodiscard]] std::size_t psks() const noexcept { return psk_count_; }

    /// The steps of a message.
    struct step_list {
        std::array<token, tokens_max> items{};
        std::uint8_t count = 0;

        [[nodiscard]] const token* begin() const noexcept { return items.data(); }
        [[nodiscard]] const token* end() const noexcept { return items.data() + count; }
    };
    [[nodiscard]] const step_list& steps(std::size_t message) const noexcept { return steps_[message]; }

    /// True when the side's static key is known to the other side before the handshake.
    [[nodiscard]] bool static_known(role side) const noexcept;
    /// True when the side needs a static key pair.
    [[nodiscard]] bool needs_static(role side) const noexcept;
    /// True when the side must be given the other's static key.
    [[nodiscard]] bool needs_remote_static(role side) const noexcept;

private:
    protocol() = default;

    std::array<step_list, messages_max> steps_{};
    std::uint8_t pattern_ = 0;  // index in the table of patterns
    std::uint8_t message_count_ = 0;
    std::uint8_t psk_mask_ = 0;  // bit n: modifier psk<n>
    std::uint8_t psk_count_ = 0;
    hash_kind hash_ = hash_kind::blake2b;
};

}  // namespace mydht::noise
