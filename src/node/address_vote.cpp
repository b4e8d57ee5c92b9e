#include "node/address_vote.hpp"

#include <algorithm>

namespace mydht::detail {

namespace {

bool counts(const address& a) { return a.is_ip() && !a.is_wildcard() && scope_of(a) == address_scope::global; }

}  // namespace

const address_vote::ballot* address_vote::find(const address& like) const {
    const auto at = ballots_.find(group_of(like));
    return at != ballots_.end() ? &at->second : nullptr;
}

bool address_vote::add(const address& voter, const address& seen, steady_time now) {
    if (!counts(voter) || !counts(seen) || group_of(voter) != group_of(seen)) return false;
    auto& all = ballots_[group_of(seen)];
    auto prefix = network_prefix(voter);
    std::erase_if(all.votes, [&](const vote& v) { return v.until <= now || v.prefix == prefix; });
    if (all.votes.size() >= votes_max) all.votes.pop_front();
    all.votes.push_back({std::move(prefix), to_bytes(seen.host()), now + lifetime});

    const auto& host = all.votes.back().host;
    const auto agree = static_cast<std::size_t>(std::ranges::count(all.votes, host, &vote::host));
    if (agree < quorum || 2 * agree <= all.votes.size() || host == all.winner) return false;
    all.winner = host;
    return true;
}

bool address_vote::wants(const address& voter, steady_time now) const {
    if (!counts(voter)) return false;
    const auto* all = find(voter);
    if (all == nullptr) return true;
    const auto prefix = network_prefix(voter);
    const auto live = [&](const vote& v) { return v.until > now; };
    const auto same = [&](const vote& v) { return live(v) && v.prefix == prefix; };
    return std::ranges::none_of(all->votes, same) && std::cmp_less(std::ranges::count_if(all->votes, live), votes_max);
}

std::optional<address> address_vote::seen_from_outside(const address& listener) const {
    if (!listener.is_wildcard()) return std::nullopt;
    const auto* all = find(listener);
    if (all == nullptr || all->winner.empty()) return std::nullopt;
    auto data = all->winner;
    data.push_back(static_cast<std::uint8_t>(listener.port() >> 8U));
    data.push_back(static_cast<std::uint8_t>(listener.port()));
    const auto made = address::from_bytes(listener.kind(), data);
    return made ? std::optional(*made) : std::nullopt;
}

std::size_t address_vote::votes(const address& like, steady_time now) const {
    const auto* all = find(like);
    if (all == nullptr) return 0;
    return static_cast<std::size_t>(std::ranges::count_if(all->votes, [&](const vote& v) { return v.until > now; }));
}

}  // namespace mydht::detail
