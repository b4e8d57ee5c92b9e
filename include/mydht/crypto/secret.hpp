#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include <mydht/core/bytes.hpp>

namespace mydht {

/// Overwrites the bytes with zeros; unlike a plain loop it is not optimised away when nobody reads them again.
void wipe(bytes_span data) noexcept;

/// `N` secret bytes: wiped on destruction and when moved from; no implicit copy, no printing, no ==. Compare with
/// equal_in_constant_time (mydht/crypto/hash.hpp). Default constructed: zeros.
template <std::size_t N>
class secret {
public:
    static constexpr std::size_t size = N;

    secret() noexcept = default;

    /// Copies exactly `N` bytes (asserted); wiping the source is the caller's.
    explicit secret(bytes_view data) noexcept {
        assert(data.size() == N);
        std::copy(data.begin(), data.end(), data_.begin());
    }

    secret(const secret&) = delete;
    secret& operator=(const secret&) = delete;

    secret(secret&& other) noexcept : data_(other.data_) { other.clear(); }
    secret& operator=(secret&& other) noexcept {
        if (this != &other) {
            data_ = other.data_;
            other.clear();
        }
        return *this;
    }

    ~secret() { clear(); }

    /// A second copy, for an owner that outlives this one. A call, so that every copy of a secret can be found.
    [[nodiscard]] secret clone() const noexcept { return secret(view()); }

    [[nodiscard]] bytes_view view() const noexcept { return bytes_view(data_); }
    [[nodiscard]] bytes_span span() noexcept { return bytes_span(data_); }

    /// Back to zeros.
    void clear() noexcept { wipe(data_); }

private:
    std::array<std::uint8_t, N> data_{};
};

}  // namespace mydht
