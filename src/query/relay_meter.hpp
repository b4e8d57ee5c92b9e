#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <mydht/core/recent_map.hpp>
#include <mydht/query/relay_limits.hpp>
#include <mydht/session/session.hpp>
#include <mydht/session/token_bucket.hpp>

#include "query/payer.hpp"

namespace mydht::detail {

/// What this node's neighbours have it pass on and keep, so that what one of them sends is not paid by those it goes
/// through. A plain value.
class relay_meter {
public:
    /// `limits` must be valid.
    explicit relay_meter(const relay_limits& limits);

    /// Whether neighbours on this machine are not counted; at first they are not.
    void exempt_loopback(bool exempt) noexcept { exempt_loopback_ = exempt; }
    /// Whose share counts what is held for the neighbour.
    [[nodiscard]] payer payer_of(const peer_info& neighbour) const;

    /// Takes a query with a value of so many bytes, if there is room for it in every account; otherwise nothing is
    /// taken.
    [[nodiscard]] bool take(const peer_info& from, std::size_t value_bytes, steady_time now);
    /// Takes the room to send the same on to another peer, if there is any.
    [[nodiscard]] bool pass_on(const peer_info& from, const node_id& to, std::size_t value_bytes, steady_time now);
    /// The peer has sent something else that is worth nothing: it pays for a query, as far as it can.
    void charge(const node_id& peer, const address& observed, steady_time now);

    /// Entries held; for tests.
    [[nodiscard]] std::size_t neighbours() const noexcept { return neighbours_.size(); }
    [[nodiscard]] std::size_t prefixes() const noexcept { return prefixes_.size(); }

private:
    /// What a query and its value cost under a limit of each.
    struct price {
        price(const rate_limit& queries_, const rate_limit& kibibytes_, std::size_t value_bytes, std::uint8_t priority);
        rate_limit queries;
        rate_limit kibibytes;
        duration query{};
        duration value{};
    };
    struct account {
        token_bucket queries;
        token_bucket kibibytes;
        [[nodiscard]] bool has(const price& what, steady_time now) const;
        void take(const price& what, steady_time now);
    };

    [[nodiscard]] static bool take_both(account& one, const price& from_one, account& all, const price& from_all,
                                        steady_time now);

    relay_limits limits_;
    [[nodiscard]] bool is_exempt(const address& observed) const;

    bool exempt_loopback_ = true;
    recent_map<node_id, account> neighbours_;
    recent_map<bytes, account> prefixes_;
    recent_map<std::pair<node_id, node_id>, account> passed_;  // from one to another
    recent_map<node_id, account> passed_to_;
};

}  // namespace mydht::detail
