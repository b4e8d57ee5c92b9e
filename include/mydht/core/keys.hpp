#pragma once

#include <mydht/core/id.hpp>

namespace mydht {

/// Bytes of a fixed size with a meaning of their own, so that a key is never taken for a signature or an id.
template <typename Tag, std::size_t Size>
class tagged_bytes {
public:
    static constexpr std::size_t size = Size;

    constexpr tagged_bytes() = default;
    constexpr explicit tagged_bytes(const std::array<std::uint8_t, Size>& data) : data_(data) {}

    /// Errors: errc::malformed for another length than `size`.
    [[nodiscard]] static result<tagged_bytes> from_bytes(bytes_view data) {
        if (data.size() != Size) return failure(errc::malformed);
        tagged_bytes out;
        std::copy(data.begin(), data.end(), out.data_.begin());
        return out;
    }

    [[nodiscard]] static result<tagged_bytes> from_hex(std::string_view text) {
        tagged_bytes out;
        if (auto done = mydht::from_hex(text, out.data_); !done) return failure(done.error());
        return out;
    }

    [[nodiscard]] constexpr const std::array<std::uint8_t, Size>& data() const { return data_; }
    [[nodiscard]] constexpr std::array<std::uint8_t, Size>& data() { return data_; }
    [[nodiscard]] bytes_view view() const { return bytes_view(data_); }
    [[nodiscard]] std::string hex() const { return to_hex(data_); }

    friend constexpr bool operator==(const tagged_bytes&, const tagged_bytes&) = default;
    friend constexpr std::strong_ordering operator<=>(const tagged_bytes&, const tagged_bytes&) = default;

private:
    std::array<std::uint8_t, Size> data_{};
};

/// An Ed25519 public key: what a peer or an author is.
using public_key = tagged_bytes<struct public_key_tag, 32>;
/// What a forwarded query is told by from others, the same on all of its way: drawn at random by its asker.
using loop_tag = tagged_bytes<struct loop_tag_tag, 16>;
/// An Ed25519 signature.
using signature = tagged_bytes<struct signature_tag, 64>;

}  // namespace mydht
