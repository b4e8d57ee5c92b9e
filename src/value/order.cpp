#include <mydht/value/order.hpp>

#include <array>
#include <cassert>

#include <mydht/crypto/hash.hpp>

namespace mydht {

rank rank_of(const value& v) {
    rank out;
    out.sequence = v.sequence();
    out.tombstone = v.is_tombstone();
    out.deadline = v.deadline();
    if (v.kind() != item_kind::immutable) {
        const std::array<std::uint8_t, 1> flag{static_cast<std::uint8_t>(out.tombstone ? 1 : 0)};
        out.digest = hash_id("mydht.order", {as_bytes(v.name_space()), v.content(), flag});
    }
    return out;
}

bool same_content(const rank& a, const rank& b) noexcept {
    return a.sequence == b.sequence && a.tombstone == b.tombstone && a.digest == b.digest;
}

std::size_t newest(std::span<const value> candidates) {
    assert(!candidates.empty());
    std::size_t best = 0;
    rank best_rank = rank_of(candidates[0]);
    for (std::size_t i = 1; i < candidates.size(); ++i) {
        const rank next = rank_of(candidates[i]);
        if (next > best_rank) {
            best = i;
            best_rank = next;
        }
    }
    return best;
}

}  // namespace mydht
