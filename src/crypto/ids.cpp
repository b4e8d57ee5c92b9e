#include <mydht/crypto/ids.hpp>

#include <algorithm>
#include <array>

#include <mydht/crypto/hash.hpp>

namespace mydht {

namespace {

struct known_id {
    public_key peer;
    node_id id;
    bool known = false;
};

/// How many ids a thread remembers: some times what one lookup brings.
constexpr std::size_t remembered_ids = 1024;

}  // namespace

// Neighbours name the same peers again and again, and finding an id takes a fraction of the hash's time. Each place is
// compared in full, so keys made to collide bring back what the hash costs, and nothing else.
node_id node_id_of(const public_key& peer) noexcept {
    thread_local std::array<known_id, remembered_ids> places;
    const auto& data = peer.data();
    auto& place = places[(data[0] | std::size_t{data[1]} << 8U) % places.size()];
    if (!place.known || place.peer != peer) place = {peer, hash_id("mydht.node", {peer.view()}), true};
    return place.id;
}

key immutable_key(bytes_view name_space, bytes_view content) noexcept {
    return hash_id("mydht.immutable", {name_space, content});
}

key mutable_key(const public_key& author, bytes_view salt) noexcept {
    return hash_id("mydht.mutable", {author.view(), salt});
}

key set_key(bytes_view name_space, bytes_view name) noexcept { return hash_id("mydht.set", {name_space, name}); }

network_tag network_tag_of(std::string_view name, bytes_view psk) noexcept {
    const auto full = hash_id("mydht.network", {as_bytes(name), psk});
    network_tag out;
    std::copy_n(full.data().begin(), network_tag::size, out.data().begin());
    return out;
}

contact contact_of(const public_key& peer, std::uint32_t capabilities, std::vector<address> addresses) {
    contact out;
    out.id = node_id_of(peer);
    out.peer = peer;
    out.capabilities = capabilities;
    out.addresses = std::move(addresses);
    return out;
}

std::size_t id_work(const node_id& id) noexcept { return hash_id("mydht.work", {id.view()}).leading_zeros(); }

}  // namespace mydht
