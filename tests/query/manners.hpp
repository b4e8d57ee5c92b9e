#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "query/linked_network.hpp"

/// Peers that are of no help to queries that travel.
namespace mydht::test {

/// Never answers.
inline linked_network::manner drops(linked_network& net) {
    return [&net](std::size_t, const wire::forward& query) -> task<std::optional<wire::message>> {
        co_await sleep_for(*net.env.time, query.lifetime + std::chrono::seconds(1));
        co_return std::nullopt;
    };
}

/// Answers as a peer that has never heard of anything.
inline task<std::optional<wire::message>> know_nothing(std::size_t, const wire::forward&) {
    co_return wire::message(wire::gathered());
}

/// Answers when half of the time is over.
inline linked_network::manner delays(linked_network& net) {
    return [&net](std::size_t, const wire::forward& query) -> task<std::optional<wire::message>> {
        co_await sleep_for(*net.env.time, query.lifetime / 2);
        co_return std::nullopt;
    };
}

/// Says that there is nothing.
inline linked_network::manner denies(linked_network&) { return know_nothing; }

/// Gives what nobody has asked for.
inline linked_network::manner lies(linked_network& net) {
    return [&net](std::size_t, const wire::forward&) -> task<std::optional<wire::message>> {
        wire::gathered out;
        out.outcome = wire::gathered_outcome::found;
        out.copies = 1;
        out.items.push_back(
            value::immutable("a lie").with_deadline(net.env.time->wall_now() + std::chrono::hours(1)).to_item());
        co_return wire::message(out);
    };
}

/// Says that something was found, and has nothing.
inline linked_network::manner claims(linked_network&) {
    return [](std::size_t, const wire::forward& query) -> task<std::optional<wire::message>> {
        wire::gathered out;
        out.outcome = wire::gathered_outcome::found;
        out.delivered = query.results;
        co_return wire::message(out);
    };
}

/// Sends the query to everybody honest before it denies; with a trace that looks as it should, or nobody would take it.
inline linked_network::manner replays(linked_network& net) {
    return [&net](std::size_t who, wire::forward query) -> task<std::optional<wire::message>> {
        linked_network::link_messenger out(net, who);
        query.trace.push_back(net.at(who).who.id);
        for (const auto& each : net.at(who).table.closest(node_id(), 8)) {
            if (net.at(net.places.at(each.id)).behaves) continue;
            [[maybe_unused]] const auto answer =
                co_await out.ask(each, query, net.env.time->now() + std::chrono::seconds(1));
        }
        co_return wire::message(wire::gathered());
    };
}

/// Sends the query at once to the honest peers nearest to its target, with so little time that they do nothing with it
/// but remember that they have had it, and denies. It has sessions with all of them.
inline linked_network::manner burns(linked_network& net) {
    return [&net](std::size_t who, wire::forward query) -> task<std::optional<wire::message>> {
        constexpr std::size_t burnt_max = 16;
        const auto target = std::visit([](const auto& goal) { return id256(goal.target); }, query.goal);
        std::vector<linked_network::peer*> near;
        for (const auto& each : net.peers) {
            if (!each->behaves) near.push_back(each.get());
        }
        const auto last = near.begin() + static_cast<std::ptrdiff_t>(std::min(near.size(), burnt_max));
        std::partial_sort(near.begin(), last, near.end(),
                          [&](const auto* a, const auto* b) { return closer(target, a->who.id, b->who.id); });
        near.erase(last, near.end());
        query.hidden = false;
        query.hops = 1;
        query.lifetime = std::chrono::milliseconds(1);
        query.trace.clear();
        peer_info from;
        from.who = net.at(who).who;
        from.observed = from.who.addresses.front();
        from.proven = true;
        for (auto* each : near) (void)co_await each->forwarding.answer(from, query);
        co_return wire::message(wire::gathered());
    };
}

}  // namespace mydht::test
