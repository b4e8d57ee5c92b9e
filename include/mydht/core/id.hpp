#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>

namespace mydht {

/// A point of the key space: `Bits` bits, most significant first. Ids are compared as big-endian numbers.
template <std::size_t Bits>
    requires(Bits % 8 == 0 && Bits > 0)
class basic_id {
public:
    static constexpr std::size_t bits = Bits;
    static constexpr std::size_t size = Bits / 8;

    constexpr basic_id() = default;
    constexpr explicit basic_id(const std::array<std::uint8_t, size>& data) : data_(data) {}

    /// Takes exactly `size` bytes. Errors: errc::malformed for another length.
    [[nodiscard]] static result<basic_id> from_bytes(bytes_view data) {
        if (data.size() != size) return failure(errc::malformed);
        basic_id out;
        std::copy(data.begin(), data.end(), out.data_.begin());
        return out;
    }

    /// Takes exactly `2 * size` hexadecimal digits. Errors: errc::not_hex.
    [[nodiscard]] static result<basic_id> from_hex(std::string_view text) {
        basic_id out;
        if (auto done = mydht::from_hex(text, out.data_); !done) return failure(done.error());
        return out;
    }

    [[nodiscard]] constexpr const std::array<std::uint8_t, size>& data() const { return data_; }
    [[nodiscard]] constexpr std::array<std::uint8_t, size>& data() { return data_; }
    [[nodiscard]] bytes_view view() const { return bytes_view(data_); }
    [[nodiscard]] std::string hex() const { return to_hex(data_); }

    /// Bit `index`, counted from the most significant one.
    [[nodiscard]] constexpr bool bit(std::size_t index) const {
        return ((data_[index / 8] >> (7 - index % 8)) & 1U) != 0;
    }
    constexpr void set_bit(std::size_t index, bool value) {
        const auto mask = static_cast<std::uint8_t>(1U << (7 - index % 8));
        if (value) {
            data_[index / 8] = static_cast<std::uint8_t>(data_[index / 8] | mask);
        } else {
            data_[index / 8] = static_cast<std::uint8_t>(data_[index / 8] & ~mask);
        }
    }

    /// The number of zero bits before the first one; `bits` for the id that has none.
    [[nodiscard]] constexpr std::size_t leading_zeros() const {
        std::size_t count = 0;
        for (auto byte : data_) {
            if (byte != 0) return count + static_cast<std::size_t>(std::countl_zero(byte));
            count += 8;
        }
        return count;
    }

    [[nodiscard]] constexpr bool is_zero() const { return leading_zeros() == bits; }

    friend constexpr bool operator==(const basic_id&, const basic_id&) = default;
    friend constexpr std::strong_ordering operator<=>(const basic_id&, const basic_id&) = default;

private:
    std::array<std::uint8_t, size> data_{};
};

/// The XOR metric of Kademlia (Maymounkov and Mazieres 2002, section 2.1). Comparing distances orders contacts.
template <std::size_t Bits>
[[nodiscard]] constexpr basic_id<Bits> distance(const basic_id<Bits>& a, const basic_id<Bits>& b) {
    basic_id<Bits> out;
    for (std::size_t i = 0; i < basic_id<Bits>::size; ++i) {
        out.data()[i] = static_cast<std::uint8_t>(a.data()[i] ^ b.data()[i]);
    }
    return out;
}

/// How many leading bits two ids share; `Bits` when they are equal.
template <std::size_t Bits>
[[nodiscard]] constexpr std::size_t common_prefix(const basic_id<Bits>& a, const basic_id<Bits>& b) {
    for (std::size_t i = 0; i < basic_id<Bits>::size; ++i) {
        const auto x = static_cast<std::uint8_t>(a.data()[i] ^ b.data()[i]);
        if (x != 0) return i * 8 + static_cast<std::size_t>(std::countl_zero(x));
    }
    return Bits;
}

/// True when `a` is nearer to `target` than `b`.
template <std::size_t Bits>
[[nodiscard]] constexpr bool closer(const basic_id<Bits>& target, const basic_id<Bits>& a, const basic_id<Bits>& b) {
    for (std::size_t i = 0; i < basic_id<Bits>::size; ++i) {
        const auto da = static_cast<std::uint8_t>(a.data()[i] ^ target.data()[i]);
        const auto db = static_cast<std::uint8_t>(b.data()[i] ^ target.data()[i]);
        if (da != db) return da < db;
    }
    return false;
}

/// Where a value lives and where a node lives: one space of 256 bits.
using id256 = basic_id<256>;
using node_id = id256;
using key = id256;

}  // namespace mydht

/// Ids are hashes already, or chosen by an adversary who gains only collisions in one table that is bounded.
template <std::size_t Bits>
struct std::hash<mydht::basic_id<Bits>> {
    [[nodiscard]] std::size_t operator()(const mydht::basic_id<Bits>& id) const noexcept {
        std::size_t out = 0;
        std::memcpy(&out, id.data().data() + mydht::basic_id<Bits>::size - sizeof out, sizeof out);
        return out;
    }
};
