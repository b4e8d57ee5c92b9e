#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <mydht/core/bytes.hpp>
#include <mydht/core/random.hpp>
#include <mydht/core/result.hpp>
#include <mydht/crypto/noise/cipher.hpp>
#include <mydht/crypto/noise/dh.hpp>
#include <mydht/crypto/noise/protocol.hpp>

namespace mydht::noise {

/// What a handshake starts from. `random` and `agreement` must outlive the handshake; all else is copied by create.
struct handshake_config {
    explicit handshake_config(const noise::protocol& which, noise::role side) : protocol(which), role(side) {}

    noise::protocol protocol;
    noise::role role;
    bytes_view prologue;                             ///< what both sides must agree on although it is not sent
    const key_pair* static_keys = nullptr;           ///< needed when protocol.needs_static(role)
    std::optional<noise::public_key> remote_static;  ///< exactly when protocol.needs_remote_static(role)
    std::span<const secret<32>> psks;                ///< one for each psk modifier, in their order
    random_source* random = nullptr;                 ///< makes the ephemeral key; needed unless `ephemeral` is given
    const key_pair* ephemeral = nullptr;             ///< an ephemeral key chosen by a test; never use one twice
    const dh* agreement = &x25519();
};

/// Where a handshake stands between two messages, apart from what its configuration says: of a fixed size, for keeping
/// many, and for trying messages that may be forged. See handshake::save.
struct saved_handshake {
    std::array<std::uint8_t, 64> hash{};
    secret<64> chaining;
    secret<32> key;
    std::uint64_t nonce = 0;
    bool keyed = false;
    bool has_ephemeral = false;
    std::uint8_t next = 0;  ///< number of the next message
    key_pair ephemeral;
    noise::public_key remote_ephemeral;
    std::optional<noise::public_key> remote_static;
};

/// The exchange of messages (HandshakeState, revision 34 section 5.3), without I/O.
///
/// Call protocol: the initiator writes first, then each side reads and writes in turn (my_turn() says which) until
/// done(). Carry every message from one side's write to the other's read. Then take the ciphers with split(), once.
/// Compare remote_static() with what you expect as soon as it is there: a handshake proves a key, not that it is the
/// right one. A message that fails, written or read, is the end: every later write, read and split gives
/// errc::handshake_order, and the secrets are wiped. A call out of turn, and errc::too_large from write, change
/// nothing. A moved-from handshake may only be destroyed or assigned to.
class handshake {
public:
    /// Errors: errc::bad_configuration when a key, a psk or a random source is missing, or when a remote key or a psk
    /// is given that the protocol would not use.
    [[nodiscard]] static result<handshake> create(const handshake_config& config);

    /// For going on later, any number of times. Not before the first message, nor for one that has failed or was split
    /// (asserted).
    [[nodiscard]] saved_handshake save() const noexcept;
    /// Goes on where save() was called, on this or on another handshake of the same configuration (asserted as far as
    /// it can be seen). Read as many messages on as many copies as you like until one is authentic, but never write two
    /// different ones from one saved state: they would share a nonce. Errors: errc::bad_configuration as create.
    [[nodiscard]] static result<handshake> resume(const handshake_config& config, const saved_handshake& from);

    handshake(handshake&&) noexcept;
    handshake& operator=(handshake&&) noexcept;
    ~handshake();

    /// True when write is the next step, false when read is; without meaning when done or dead.
    [[nodiscard]] bool my_turn() const noexcept;

    /// All messages were written and read.
    [[nodiscard]] bool done() const noexcept;

    /// How many bytes the next message has beyond its payload; 0 when done.
    [[nodiscard]] std::size_t overhead() const noexcept;

    /// The next message with this payload. How well a payload is protected depends on pattern and message (revision 34
    /// section 7.7). Errors: errc::too_large when the message would be over message_bytes_max (nothing changed: write
    /// less), errc::handshake_order, errc::bad_key.
    [[nodiscard]] result<bytes> write(bytes_view payload);

    /// The payload of the other side's next message. Errors: errc::truncated, errc::too_large, errc::decrypt_failed,
    /// errc::bad_key (the peer sent a key of low order), errc::handshake_order.
    [[nodiscard]] result<bytes> read(bytes_view message);

    /// The hash of everything so far; once done, unique to this session and the same on both sides: for channel
    /// binding. Lives as long as the handshake stays where it is.
    [[nodiscard]] bytes_view handshake_hash() const noexcept;

    /// The other side's static key, given or received. A received one is proven only when done.
    [[nodiscard]] const std::optional<noise::public_key>& remote_static() const noexcept;

    /// The ciphers for what follows; wipes the chaining key. Errors: errc::handshake_order before done() or a second
    /// time.
    [[nodiscard]] result<cipher_pair> split();

private:
    struct state;
    explicit handshake(std::unique_ptr<state> begun) noexcept;

    std::unique_ptr<state> state_;
};

}  // namespace mydht::noise
