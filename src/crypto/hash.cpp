#include <mydht/crypto/hash.hpp>

#include <algorithm>
#include <cassert>

#include <sodium.h>

#include "sodium.hpp"

namespace mydht {

namespace {

/// libsodium's state of a hash under way; wiped, because what is hashed may be secret.
template <typename State>
struct wiped : State {
    wiped() noexcept { detail::use_sodium(); }
    wiped(const wiped&) = delete;
    wiped& operator=(const wiped&) = delete;
    ~wiped() { sodium_memzero(static_cast<State*>(this), sizeof(State)); }
};

using blake2b_state = wiped<crypto_generichash_blake2b_state>;

std::array<std::uint8_t, 8> little_endian(std::uint64_t value) noexcept {
    std::array<std::uint8_t, 8> out{};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * i));
    return out;
}

void start(blake2b_state& state, std::string_view personalisation) noexcept {
    assert(personalisation.size() <= crypto_generichash_blake2b_PERSONALBYTES);
    assert(personalisation.find('\0') == std::string_view::npos);
    std::array<std::uint8_t, crypto_generichash_blake2b_PERSONALBYTES> padded{};
    std::copy(personalisation.begin(), personalisation.end(), padded.begin());
    crypto_generichash_blake2b_init_salt_personal(&state, nullptr, 0, id256::size, nullptr, padded.data());
}

void update(blake2b_state& state, bytes_view data) noexcept {
    crypto_generichash_blake2b_update(&state, data.data(), data.size());
}

void update_part(blake2b_state& state, bytes_view data) noexcept {
    update(state, little_endian(data.size()));
    update(state, data);
}

id256 finish(blake2b_state& state) noexcept {
    id256 out;
    crypto_generichash_blake2b_final(&state, out.data().data(), id256::size);
    return out;
}

template <std::size_t Size>
std::array<std::uint8_t, Size> blake2b(std::initializer_list<bytes_view> parts) noexcept {
    blake2b_state state;
    crypto_generichash_blake2b_init(&state, nullptr, 0, Size);
    for (auto part : parts) update(state, part);
    std::array<std::uint8_t, Size> out{};
    crypto_generichash_blake2b_final(&state, out.data(), out.size());
    return out;
}

}  // namespace

struct hasher::state {
    blake2b_state sodium;
};

hasher::hasher(std::string_view personalisation) : state_(std::make_unique<state>()) {
    start(state_->sodium, personalisation);
}

hasher::hasher(hasher&&) noexcept = default;
hasher& hasher::operator=(hasher&&) noexcept = default;
hasher::~hasher() = default;

hasher& hasher::part(bytes_view data) noexcept { return begin_part(data.size()).append(data); }

hasher& hasher::begin_part(std::uint64_t size) noexcept { return append(little_endian(size)); }

hasher& hasher::append(bytes_view data) noexcept {
    update(state_->sodium, data);
    return *this;
}

id256 hasher::finish() noexcept { return mydht::finish(state_->sodium); }

id256 hash_id(std::string_view personalisation, std::initializer_list<bytes_view> parts) noexcept {
    blake2b_state state;
    start(state, personalisation);
    for (auto part : parts) update_part(state, part);
    return finish(state);
}

std::array<std::uint8_t, 32> blake2b_256(std::initializer_list<bytes_view> parts) noexcept {
    return blake2b<32>(parts);
}

std::array<std::uint8_t, 64> blake2b_512(std::initializer_list<bytes_view> parts) noexcept {
    return blake2b<64>(parts);
}

std::array<std::uint8_t, 32> sha256(std::initializer_list<bytes_view> parts) noexcept {
    wiped<crypto_hash_sha256_state> state;
    crypto_hash_sha256_init(&state);
    for (auto part : parts) crypto_hash_sha256_update(&state, part.data(), part.size());
    std::array<std::uint8_t, 32> out{};
    crypto_hash_sha256_final(&state, out.data());
    return out;
}

std::array<std::uint8_t, 64> sha512(std::initializer_list<bytes_view> parts) noexcept {
    wiped<crypto_hash_sha512_state> state;
    crypto_hash_sha512_init(&state);
    for (auto part : parts) crypto_hash_sha512_update(&state, part.data(), part.size());
    std::array<std::uint8_t, 64> out{};
    crypto_hash_sha512_final(&state, out.data());
    return out;
}

std::uint64_t short_hash(const secret<16>& with, bytes_view data) noexcept {
    detail::use_sodium();
    std::array<std::uint8_t, crypto_shorthash_BYTES> raw{};
    crypto_shorthash(raw.data(), data.data(), data.size(), with.view().data());
    std::uint64_t out = 0;
    for (std::size_t i = raw.size(); i > 0; --i) out = (out << 8U) | raw[i - 1];
    return out;
}

std::array<std::uint8_t, 16> mac_128(const secret<32>& with, std::initializer_list<bytes_view> parts) noexcept {
    blake2b_state state;
    std::array<std::uint8_t, 16> out{};
    crypto_generichash_blake2b_init(&state, with.view().data(), with.view().size(), out.size());
    for (auto part : parts) update_part(state, part);
    crypto_generichash_blake2b_final(&state, out.data(), out.size());
    return out;
}

bool equal_in_constant_time(bytes_view a, bytes_view b) noexcept {
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace mydht
