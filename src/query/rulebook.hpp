#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <mydht/query/travel_rules.hpp>
#include <mydht/runtime/environment.hpp>

namespace mydht::detail {

/// Every decision about a query that travels: what the rules say, and what the application's functions make of it. A
/// plain value.
class rulebook {
public:
    /// The secret, by which links and walks are drawn, comes from `random`.
    rulebook(travel_rules rules, random_source& random);

    [[nodiscard]] const travel_rules& rules() const noexcept { return rules_; }

    /// What a peer's query counts as here.
    [[nodiscard]] std::uint8_t priority(const peer_info& from, std::uint8_t claimed) const;
    /// It asks for more than anybody may, or for what makes no sense.
    [[nodiscard]] bool is_absurd(const wire::forward& query) const;
    /// Its trace names the peer that it came to, or does not end with the one that it came from: it was sent round on
    /// purpose, or by somebody who hides having had it.
    [[nodiscard]] static bool has_false_trace(const wire::forward& query, const node_id& from, const node_id& to);
    /// What is drawn here for a hidden query: that it ends, and whether its next step is one at random. The same again
    /// for the same visit (visit_of), so that who asks again learns no more.
    [[nodiscard]] bool walk_ends(const id256& visit) const;
    [[nodiscard]] bool step_at_random(const id256& visit) const;
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
    [[nodiscard]] double drawn(std::string_view what, bytes_view of) const;

    travel_rules rules_;
    std::array<std::uint8_t, 32> secret_{};
};

/// A put, which leaves a value somewhere.
[[nodiscard]] bool is_put(const wire::forward& query) noexcept;
/// Of the value that it leaves, or of the request that it carries; otherwise 0.
[[nodiscard]] std::size_t value_bytes(const wire::forward& query) noexcept;
/// A request to a service.
[[nodiscard]] bool is_request(const wire::forward& query) noexcept;
/// No more peers may come to something than it wants results, whoever is asked.
[[nodiscard]] bool shares_strictly(const wire::forward& query) noexcept;

}  // namespace mydht::detail
