#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <mydht/query/messenger.hpp>
#include <mydht/query/responder.hpp>
#include <mydht/query/travel_rules.hpp>
#include <mydht/routing/routing_table.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/session/session.hpp>
#include <mydht/value/namespaces.hpp>

namespace mydht {

/// What a node did with queries that travel.
struct forward_counters {
    std::uint64_t begun = 0;       ///< of its own
    std::uint64_t served = 0;      ///< of others
    std::uint64_t duplicates = 0;  ///< of others, that had come by before
    std::uint64_t absurd = 0;      ///< of others, refused for asking more than anybody may
    std::uint64_t busy = 0;        ///< of others, refused because there were too many
    std::uint64_t sent = 0;        ///< messages to other peers, of all of them
    std::uint64_t lies = 0;        ///< in the answers of others: forged values, contacts nobody asked for
};

/// What came back for a query of the node's own.
struct forward_report {
    std::size_t sent = 0;   ///< peers that this node sent it to
    bool complete = false;  ///< every path has ended; otherwise somebody was silent or refused, or the time was over
    std::size_t lies = 0;
    bool own = false;  ///< this node keeps the value of the put itself
    /// How the last peer refused when no peer answered, as in lookup_report.
    std::error_code refusal;
};

/// Queries that travel from peer to peer, their answers coming back the same way (*proxied*): each hop is one coroutine that looks
/// into its own store, sends the query on, gathers what comes back, and answers. A hop knows its two neighbours and what stands in
/// the message. Random at first and then towards the target, as in R5N (Evans and Grothoff, 2011).
class forwarder {
public:
    /// The referents must outlive the forwarder and its queries. connect() comes before the first query.
    forwarder(environment env, travel_rules rules, responder& own, any_routing_table& table, const namespaces& spaces);
    forwarder(const forwarder&) = delete;
    forwarder& operator=(const forwarder&) = delete;
    ~forwarder();

    /// Says who this node is (asked when somebody looks for it), and how others are reached.
    void connect(std::shared_ptr<messenger> via, std::function<contact()> self);

    /// Answers a query of a peer by wire::gathered, or by wire::error when it asks for too much. Cancelled: the peers that it
    /// was sent on to are told.
    [[nodiscard]] task<wire::message> answer(peer_info from, wire::forward query);

    /// Sends a query of this node's own, whose tag is drawn here, and completes when there is enough, when all paths have ended, or at
    /// the deadline with what there is. `report` must live until then.
    [[nodiscard]] task<wire::gathered> ask(wire::forward query, steady_time deadline, forward_report& report);

    [[nodiscard]] const travel_rules& rules() const noexcept;
    [[nodiscard]] const forward_counters& counters() const noexcept;

private:
    struct impl;
    class query_place;
    std::shared_ptr<impl> impl_;
};

}  // namespace mydht
