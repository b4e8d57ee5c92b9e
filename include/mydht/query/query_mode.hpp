#pragma once

#include <cstdint>

namespace mydht {

/// How a query travels.
class query_mode {
public:
    enum class kind : std::uint8_t { iterative, proxied, direct, mixed };

    constexpr explicit query_mode(kind k, std::uint8_t proxies = 0) noexcept : kind_(k), proxies_(proxies) {}

    [[nodiscard]] constexpr kind what() const noexcept { return kind_; }
    /// Of mixed(): how many peers pass the answer back.
    [[nodiscard]] constexpr std::uint8_t proxies() const noexcept { return proxies_; }
    friend constexpr bool operator==(const query_mode&, const query_mode&) = default;

private:
    kind kind_;
    std::uint8_t proxies_;
};

/// This node asks every peer itself, nearer and nearer ones.
[[nodiscard]] constexpr query_mode iterative() noexcept { return query_mode(query_mode::kind::iterative); }

/// Peers pass the query on, and the answer comes back the same way: each knows its two neighbours on the way. For
/// networks in which not everybody can reach everybody. The peers on the way see the key; docs/queries.md says what
/// else.
[[nodiscard]] constexpr query_mode proxied() noexcept { return query_mode(query_mode::kind::proxied); }

/// Peers pass the query on, and whoever has something brings it straight to this node, also over another transport than
/// the query came by. Everybody on the way sees who asks for what, and where: this node signs its addresses. It has to
/// be reachable at all of them, and the peers that it asks have to know that.
[[nodiscard]] constexpr query_mode direct() noexcept { return query_mode(query_mode::kind::direct); }

/// Proxied for so many hops, 1 at least, then direct to the last of these peers, which passes the answers back.
[[nodiscard]] constexpr query_mode mixed(std::uint8_t hops) noexcept {
    return query_mode(query_mode::kind::mixed, hops);
}

}  // namespace mydht
