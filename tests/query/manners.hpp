#pragma once

#include <chrono>
#include <optional>

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

}  // namespace mydht::test
