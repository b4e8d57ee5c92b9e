#include "symmetric_state.hpp"

#include <initializer_list>

#include <mydht/crypto/hash.hpp>

namespace mydht::noise {

namespace {

/// As wide as the longest digest; shorter ones leave the rest zero.
using digest_bytes = secret<64>;

digest_bytes digest(hash_kind kind, std::initializer_list<bytes_view> parts) {
    digest_bytes out;
    const auto keep = [&out](auto made) {
        std::copy(made.begin(), made.end(), out.span().begin());
        wipe(made);
    };
    switch (kind) {
        case hash_kind::blake2b: keep(blake2b_512(parts)); break;
        case hash_kind::sha256: keep(sha256(parts)); break;
        case hash_kind::sha512: keep(sha512(parts)); break;
    }
    return out;
}

/// HMAC (RFC 2104) with a key of at most one block.
digest_bytes hmac(hash_kind kind, bytes_view key, bytes_view first, bytes_view second) {
    const std::size_t block = kind == hash_kind::sha256 ? 64 : 128;
    secret<128> inner;
    secret<128> outer;
    for (std::size_t i = 0; i < block; ++i) {
        const std::uint8_t byte = i < key.size() ? key[i] : 0;
        inner.span()[i] = byte ^ 0x36U;
        outer.span()[i] = byte ^ 0x5cU;
    }
    const auto inside = digest(kind, {inner.view().first(block), first, second});
    return digest(kind, {outer.view().first(block), inside.view().first(hash_size(kind))});
}

/// HKDF (revision 34 section 4.3): what it gives one after the other.
class key_stream {
public:
    key_stream(hash_kind kind, bytes_view chaining, bytes_view input)
        : kind_(kind), key_(hmac(kind, chaining, input, {})) {}

    digest_bytes next() {
        const auto size = hash_size(kind_);
        const std::array<std::uint8_t, 1> number{++count_};
        const auto before = count_ == 1 ? bytes_view{} : last_.view().first(size);
        last_ = hmac(kind_, key_.view().first(size), before, number);
        return last_.clone();
    }

private:
    hash_kind kind_;
    digest_bytes key_;
    digest_bytes last_;
    std::uint8_t count_ = 0;
};

cipher cipher_with(const digest_bytes& key) { return cipher(secret<32>(key.view().first(32))); }

}  // namespace

symmetric_state::symmetric_state(hash_kind kind, std::string_view protocol_name) : kind_(kind), size_(hash_size(kind)) {
    const auto name = as_bytes(protocol_name);
    if (name.size() <= size_) {
        std::copy(name.begin(), name.end(), hash_.begin());
    } else {
        const auto hashed = digest(kind, {name});
        std::copy(hashed.view().begin(), hashed.view().end(), hash_.begin());
    }
    chaining_ = secret<64>(hash_);
}

symmetric_state::symmetric_state(hash_kind kind, const saved_handshake& from) noexcept
    : kind_(kind), size_(hash_size(kind)), hash_(from.hash), chaining_(from.chaining.clone()) {
    if (!from.keyed) return;
    cipher_ = cipher(from.key.clone());
    cipher_.set_nonce(from.nonce);
}

void symmetric_state::save(saved_handshake& into) const noexcept {
    into.hash = hash_;
    into.chaining = chaining_.clone();
    into.keyed = cipher_.usable();
    into.key = cipher_.key().clone();
    into.nonce = cipher_.nonce();
}

void symmetric_state::mix_hash(bytes_view data) {
    const auto next = digest(kind_, {hash(), data});
    std::copy(next.view().begin(), next.view().end(), hash_.begin());
}

void symmetric_state::mix_key(bytes_view input) {
    key_stream keys(kind_, chaining_.view().first(size_), input);
    chaining_ = keys.next();
    cipher_ = cipher_with(keys.next());
}

void symmetric_state::mix_key_and_hash(bytes_view input) {
    key_stream keys(kind_, chaining_.view().first(size_), input);
    chaining_ = keys.next();
    const auto hashed = keys.next();
    mix_hash(hashed.view().first(size_));
    cipher_ = cipher_with(keys.next());
}

result<void> symmetric_state::encrypt_and_hash(bytes_view plain, bytes& out) {
    const auto start = out.size();
    if (!has_key()) {
        out.insert(out.end(), plain.begin(), plain.end());
    } else {
        out.resize(start + plain.size() + tag_bytes);
        if (auto done = cipher_.seal(hash(), plain, bytes_span(out).subspan(start)); !done) return done;
    }
    mix_hash(bytes_view(out).subspan(start));
    return {};
}

result<bytes> symmetric_state::decrypt_and_hash(bytes_view sealed) {
    bytes out;
    if (!has_key()) {
        out = to_bytes(sealed);
    } else {
        if (sealed.size() < tag_bytes) return failure(errc::decrypt_failed);
        out.resize(sealed.size() - tag_bytes);
        if (auto done = cipher_.open(hash(), sealed, out); !done) return failure(done.error());
    }
    mix_hash(sealed);
    return out;
}

symmetric_state::direction_keys symmetric_state::split() {
    key_stream stream(kind_, chaining_.view().first(size_), {});
    direction_keys out;
    out.first = cipher_with(stream.next());
    out.second = cipher_with(stream.next());
    forget();
    return out;
}

void symmetric_state::forget() noexcept {
    chaining_.clear();
    cipher_ = cipher();
}

}  // namespace mydht::noise
