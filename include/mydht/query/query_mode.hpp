#pragma once

#include <cstdint>

namespace mydht {

/// How a query travels.
class query_mode {
public:
    enum class kind : std::uint8_t { iterative, proxied };

    constexpr explicit query_mode(kind k) noexcept : kind_(k) {}

    [[nodiscard]] constexpr kind what() const noexcept { return kind_; }
    friend constexpr bool operator==(const query_mode&, const query_mode&) = default;

private:
    kind kind_;
};

/// This node asks every peer itself, nearer and nearer ones.
[[nodiscard]] constexpr query_mode iterative() noexcept { return query_mode(query_mode::kind::iterative); }

/// Peers pass the query on, and the answer comes back the same way: each knows its two neighbours on the way. For networks in
/// which not everybody can reach everybody. The peers on the way see the key; docs/queries.md says what else.
[[nodiscard]] constexpr query_mode proxied() noexcept { return query_mode(query_mode::kind::proxied); }

}  // namespace mydht
