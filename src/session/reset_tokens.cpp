#include "session/reset_tokens.hpp"

#include <array>

#include <mydht/crypto/hash.hpp>

namespace mydht::detail {

reset_tokens::reset_tokens(const identity& self) {
    auto derived = hash_id("mydht.reset", {self.seed()});
    secret_ = secret<32>(derived.view());
    wipe(derived.data());
}

wire::reset_token reset_tokens::token_for(std::uint32_t own_index) const noexcept {
    std::array<std::uint8_t, 4> index{};
    for (std::size_t i = 0; i < index.size(); ++i) index[i] = static_cast<std::uint8_t>(own_index >> (8 * i));
    return mac_128(secret_, {as_bytes("reset"), index});
}

}  // namespace mydht::detail
