#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mydht/crypto/identity.hpp>
#include <mydht/crypto/service_request.hpp>
#include <mydht/query/messenger.hpp>
#include <mydht/query/report.hpp>
#include <mydht/query/responder.hpp>
#include <mydht/query/travel_rules.hpp>
#include <mydht/routing/routing_table.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/session/session.hpp>
#include <mydht/value/namespaces.hpp>

namespace mydht {

namespace detail {
struct forwarding_state;
}  // namespace detail

/// What a node did with queries that travel.
struct forward_counters {
    std::uint64_t begun = 0;       ///< of its own
    std::uint64_t served = 0;      ///< of others
    std::uint64_t duplicates = 0;  ///< of others, that had come by before
    std::uint64_t absurd = 0;      ///< of others, refused for asking more than anybody may
    std::uint64_t busy = 0;        ///< of others, refused because there were too many
    std::uint64_t throttled = 0;   ///< of others, refused because the neighbour sends too many, or too much
    std::uint64_t held_back = 0;  ///< messages for others that were not sent, so that this node itself is not throttled
    std::uint64_t sent = 0;       ///< messages to other peers, of all of them
    /// In the answers of others: forged values, contacts nobody asked for, more than was asked for.
    std::uint64_t lies = 0;
    /// Values there that this node's rules refuse, and replies that it cannot open or read: peers that passed them on
    /// cannot see that.
    std::uint64_t unfit = 0;
    std::uint64_t forged_askers = 0;   ///< tickets that were forged, out of date, or of another query
    std::uint64_t unseen_askers = 0;   ///< askers that named addresses at which they had not been seen
    std::uint64_t private_askers = 0;  ///< that named addresses in a network in which the sender of their query is not
    std::uint64_t brought = 0;         ///< answers of this node that it took to askers itself
    std::uint64_t collected = 0;       ///< deliveries to this node that were new
    std::uint64_t hits = 0;            ///< of others, for which this node had something itself
    std::uint64_t unasked = 0;         ///< deliveries that nobody waited for, or not from that peer, or not such ones
    std::uint64_t cut_short = 0;       ///< of others, answered early, with no room for more of what they find
    std::uint64_t requests_answered = 0;  ///< to services of this node
    std::uint64_t requests_refused = 0;   ///< of them, those that came when too many ran or were remembered
    std::uint64_t requests_repeated = 0;  ///< that had come before: no handler was begun for them
    std::uint64_t requests_unopened = 0;  ///< for this node that were changed, sealed for another tag, or out of date
};

/// What came of the peers that a query of the node's own was sent to. Those that had not answered when it was over
/// count among the asked alone.
struct forward_tally {
    std::size_t asked = 0;
    std::size_t answered = 0;   ///< with what they had, with nothing, or that they had seen it before
    std::size_t refused = 0;    ///< said that they would not
    std::size_t timed_out = 0;  ///< gave no answer in time
    std::size_t failed = 0;     ///< could not be reached, or lost the link
    std::size_t invalid = 0;    ///< answered what nobody may answer
};

/// What came back for a query of the node's own.
struct forward_report {
    forward_tally peers;
    /// It came to something, or every path has ended; otherwise somebody was silent, refused or lied, also behind those
    /// that were asked, or the time was over.
    bool complete = false;
    std::size_t lies = 0;   ///< in answers, and in what was brought
    std::size_t unfit = 0;  ///< as in forward_counters
    bool own = false;       ///< this node keeps the value of the put itself
    /// Why this node's own store did not keep it. What the stores of others say does not travel.
    std::error_code not_kept;
    /// How the last peer refused when no peer answered, as in lookup_report.
    std::error_code refusal;
    /// Somebody refused it for what it asks for; of a direct one the first peers do that who have not seen the asker
    /// where it says.
    bool turned_down = false;
    steady_time begun;  ///< when it was
    /// What it came to at each peer that this node sent it to, or that brought something.
    std::vector<query_step> steps;
};

/// A request that came by forward to a service of this node.
struct service_question {
    service_question() {}

    std::string service;
    bytes body;
    /// Who signed where the reply goes: the asker, or a peer on the way that passes it on. Nobody in a proxied query.
    std::optional<public_key> collector;
};

/// What the forwarder has to know of the node that it runs on. The functions are called on the node's executor.
struct forward_origin {
    std::shared_ptr<const identity> self;
    /// Who this node is, and where others reach it: addresses of one group.
    std::function<mydht::contact()> contact;
    /// This node has seen the peer at the address: its session comes from there, or it was dialled there.
    std::function<bool(const peer_info&, const address&)> seen_at;
    /// What neighbours on this machine send is not counted against relay_limits.
    bool exempt_loopback = true;
    /// Values may be kept here; a client keeps none.
    bool keeps_values = true;
    /// The peer, when a session with it is open: it may be in no table. Nobody when not set.
    std::function<std::optional<mydht::contact>(const node_id&)> linked;
    /// There is a service of this name for requests that travel. None when not set.
    std::function<bool(std::string_view)> serves;
    /// Answers one of them; cancelled at its deadline, and when nobody has waited for a while. Completes with the
    /// reply, or the error that its asker is told. Called in the step in which `serves` was true; what it gives holds
    /// all that it needs, since the service may be gone when it runs.
    std::function<task<result<bytes>>(service_question)> serve;
};

/// Queries that travel from peer to peer. Each hop is one coroutine that looks into its own store, sends the query on,
/// gathers what comes back, and answers. The answers come back the same way (*proxied*), or whoever has something takes
/// it to the asker itself, which has signed where that is (*direct*), or to a peer on the way that has (*mixed*). A hop
/// knows its two neighbours and what stands in the message. Random at first and then towards the target, as in R5N
/// (Evans and Grothoff, 2011).
class forwarder {
public:
    /// The referents must outlive the forwarder and its queries. connect() comes before the first query.
    forwarder(environment env, travel_rules rules, responder& own, any_routing_table& table, const namespaces& spaces);
    forwarder(const forwarder&) = delete;
    forwarder& operator=(const forwarder&) = delete;
    ~forwarder();

    /// Says who this node is, and how others are reached.
    void connect(std::shared_ptr<messenger> via, forward_origin origin);

    /// Answers a query of a peer by wire::gathered, or by wire::error when it asks for too much. Cancelled: the peers
    /// that it was sent on to are told.
    [[nodiscard]] task<wire::message> answer(peer_info from, wire::forward query);

    /// Sends a query of this node's own, whose tag is drawn here, and completes when there is enough, when all paths
    /// have ended, or at the deadline with what there is. `report` must live until then. With `on_item` values are
    /// given there as they come, and are not in what it completes with. A query whose proxy_hops are 1 collects its
    /// answers here.
    [[nodiscard]] task<wire::gathered> ask(wire::forward query, steady_time deadline, forward_report& report,
                                           std::function<void(item)> on_item = {});

    /// The same for a request to a service. `tagged` gets the query when its tag is drawn and may seal the body; a
    /// reply that is signed rightly and that `opens` does not take is none, and no lie of whoever passed it on.
    [[nodiscard]] task<wire::gathered> request(wire::forward query, steady_time deadline, forward_report& report,
                                               std::function<void(wire::forward&)> tagged,
                                               std::function<bool(const signed_reply&)> opens);

    /// Takes what a peer delivers, and answers by wire::delivered, or by wire::error when nobody waits for it.
    [[nodiscard]] wire::message take(const peer_info& from, wire::deliver what);
    /// Somebody waits for what is delivered under the tag.
    [[nodiscard]] bool awaits(const loop_tag& tag) const;

    /// This node knows an address at which others reach it, so that answers can be brought to it.
    [[nodiscard]] bool can_be_reached() const;

    /// Ends the requests that services answer: asks their handlers to end, and waits so long for them at most. No query
    /// may begin afterwards.
    [[nodiscard]] task<> stop(duration grace);

    [[nodiscard]] const travel_rules& rules() const noexcept;
    [[nodiscard]] const forward_counters& counters() const noexcept;
    /// What travel_rules::under_way_bytes bounds, now.
    [[nodiscard]] std::size_t bytes_under_way() const noexcept;

private:
    std::shared_ptr<detail::forwarding_state> state_;
};

}  // namespace mydht
