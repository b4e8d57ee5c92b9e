#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include <mydht/query/travel_rules.hpp>
#include <mydht/runtime/environment.hpp>

namespace mydht::detail {

/// Every decision about a query that travels: what the rules say, and what the application's functions make of it. A plain value.
class rulebook {
public:
    /// The secret, by which links are drawn, comes from `random`.
    rulebook(travel_rules rules, random_source& random);

    [[nodiscard]] const travel_rules& rules() const noexcept { return rules_; }

    /// What a peer's query counts as here.
    [[nodiscard]] std::uint8_t priority(const peer_info& from, std::uint8_t claimed) const;
    /// It asks for more than anybody may, or for what makes no sense.
    [[nodiscard]] bool is_absurd(const wire::forward& query) const;
    /// `usual`: those that the table prefers.
    [[nodiscard]] std::vector<contact> whom(travelling what, std::vector<contact> usual) const;
    [[nodiscard]] std::uint8_t hops_left(travelling what, const contact& to) const;
    /// The time that may be left of a query of this priority when it is sent on.
    [[nodiscard]] std::chrono::milliseconds lifetime_max(std::uint8_t priority) const;
    /// `ends`: nobody that this node knows is nearer.
    [[nodiscard]] bool keeps(travelling what, bool ends) const;
    [[nodiscard]] std::optional<std::chrono::milliseconds> caches(travelling what, const item& found) const;
    [[nodiscard]] bool enough_nothing(travelling what, path_tally so_far) const;

private:
    [[nodiscard]] bool is_level(const node_id& link, double share) const;

    travel_rules rules_;
    std::array<std::uint8_t, 32> link_secret_{};
};

/// A put, which leaves a value somewhere.
[[nodiscard]] bool is_put(const wire::forward& query) noexcept;

}  // namespace mydht::detail
