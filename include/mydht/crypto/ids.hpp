#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <mydht/core/contact.hpp>
#include <mydht/core/id.hpp>
#include <mydht/core/keys.hpp>

namespace mydht {

// Every id is a `hasher` digest (mydht/crypto/hash.hpp) with the personalisation and the parts named here.

/// "mydht.node" (public key).
[[nodiscard]] node_id node_id_of(const public_key& peer) noexcept;

/// "mydht.immutable" (namespace, content).
[[nodiscard]] key immutable_key(bytes_view name_space, bytes_view content) noexcept;

/// "mydht.mutable" (author's public key, salt).
[[nodiscard]] key mutable_key(const public_key& author, bytes_view salt) noexcept;

/// "mydht.set" (namespace, name).
[[nodiscard]] key set_key(bytes_view name_space, bytes_view name) noexcept;

/// What tells networks apart before any public-key work; not secret.
using network_tag = tagged_bytes<struct network_tag_tag, 8>;

/// The first 8 bytes of "mydht.network" (name, pre-shared key); the key of an open network is empty. The tag travels in
/// the clear, so a pre-shared key that can be guessed can be guessed offline: use 32 random bytes.
[[nodiscard]] network_tag network_tag_of(std::string_view name, bytes_view psk = {}) noexcept;

/// A contact whose id is the hash of its key.
[[nodiscard]] contact contact_of(const public_key& peer, std::uint32_t capabilities, std::vector<address> addresses);

/// The work that an id shows: the leading zero bits of "mydht.work" (id). A network that asks for `n` of them makes
/// a chosen id cost about 2^n key generations.
[[nodiscard]] std::size_t id_work(const node_id& id) noexcept;

}  // namespace mydht
