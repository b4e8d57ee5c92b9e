#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <mydht/core/contact.hpp>
#include <mydht/core/item.hpp>
#include <mydht/core/result.hpp>
#include <mydht/query/relay_limits.hpp>
#include <mydht/session/session.hpp>
#include <mydht/wire/message.hpp>

namespace mydht {

/// What holds for queries that travel with a priority of at least `from_priority`, up to the next band's.
struct travel_band {
    std::uint8_t from_priority = 0;

    // --- the node's own queries, when their options say nothing else ---

    /// How far they go.
    std::uint8_t hops = 16;
    /// Hops at random before they go towards their target, so that paths do not all end at the same few peers. A few
    /// are enough; more of them are more peers that may be of no help.
    std::uint8_t wander = 4;
    /// Peers that each peer sends them to.
    std::uint8_t fan_out = 4;
    /// Into how many paths a get splits. Bounds its messages together with `hops`.
    std::uint8_t spread = 12;
    /// The same for a put. Its paths end where nobody near is nearer to the key, so they are short, and each leaves a
    /// copy.
    std::uint8_t put_spread = 24;
    /// How often a get or a lookup that came to nothing is begun, each time wider and with more hops at random, until
    /// it asks for as much as this node lets others ask. What is behind a bottleneck is found so, and what is nowhere
    /// costs all of them.
    std::uint8_t rounds = 3;
    /// The time that they have; query_config::query_timeout when not set.
    std::optional<std::chrono::milliseconds> lifetime;
    /// Puts leave copies where they pass, `results_max` at most, and not only where their paths end.
    bool along_the_path = false;
    /// Gets ask for copies of what they find to be cached on the way back.
    bool cached = false;

    // --- queries of others: who asks for more is refused ---

    std::uint8_t hops_max = 32;
    std::uint8_t fan_out_max = 16;
    std::uint8_t spread_max = 64;
    std::chrono::milliseconds lifetime_max{60'000};

    // --- what this node does with any of them ---

    /// Passes on requests to services, and answers them where a service takes such requests.
    bool forwards_requests = true;
    /// Keeps the values of puts whose paths end here.
    bool keeps_ends = true;
    /// Keeps the values of puts that leave copies where they pass.
    bool keeps_passing = true;
    /// Caches what was found for others when their query asks for it.
    bool caches = true;
    /// How long a cached copy lives at most. A copy of a copy ends with it.
    std::chrono::milliseconds cache_lifetime{600'000};
    /// The share of links on which the number of hops is left as it is, drawn once for each: so that it does not tell
    /// how far away the asker is. At most one half.
    double level_links = 0.25;
    /// When this share of the paths that a get splits into has come to nothing, and none to anything, it ends here with
    /// nothing. At 1 it waits for all of them; below, few who deny can hide what others have.
    double not_found_share = 1;
};

/// A query that travels, as a decision sees it: during the call, and no longer.
struct travelling {
    const wire::forward& query;
    /// Who sent it; null for one that begins here.
    const peer_info* from;
};

/// How the paths stand that a query split into at this node.
struct path_tally {
    std::size_t paths = 0;    ///< that it was meant to split into here
    std::size_t nothing = 0;  ///< that came back with nothing
};

/// The application's word on what a node does with queries that travel, instead of its rules': a function for each
/// decision; those that are not set leave it to the rules. Each gets what the rules say as `usual`. Called on the
/// node's executor, often, and must not throw.
struct travel_decisions {
    /// What a peer's query counts as here, and goes on as. The priority is the word of whoever asks; `from.priority` is
    /// this node's own.
    std::function<std::uint8_t(const peer_info& from, std::uint8_t claimed)> priority;
    /// Whom to send it on to, best first; those beyond its fan-out are tried only when others were of no help, or not
    /// at all. They are dialled when no session is there.
    std::function<std::vector<contact>(travelling what, std::vector<contact> usual)> whom;
    /// How many hops are left when it arrives at `to`; more than it has are cut off.
    std::function<std::uint8_t(travelling what, const contact& to, std::uint8_t usual)> hops_left;
    /// Whether the value of a put is kept here. `usual` is also false where its path does not end.
    std::function<bool(travelling what, bool usual)> keeps;
    /// For how long an item is cached that was found for others and whose query asks for that; not at all without a
    /// time.
    std::function<std::optional<std::chrono::milliseconds>(travelling what, const item& found,
                                                           std::optional<std::chrono::milliseconds> usual)>
        caches;
    /// Whether so many paths with nothing are enough to say that there is nothing. Asked while none has come to
    /// anything.
    std::function<bool(travelling what, path_tally so_far, bool usual)> enough_nothing;
};

/// How a node's own queries travel from peer to peer, and what it does for those of others.
struct travel_rules {
    /// The priority of the node's own, when their options say nothing else.
    std::uint8_t priority = 64;
    /// Visited peers that they name, so that paths do not come back to them. 0 names nobody; peers then know a query by
    /// its tag alone.
    std::uint8_t trace_max = 16;

    /// The node's own gets are hidden (hidden.hpp) unless their options say hide(false); without that, options that
    /// would show who asks, another mode among them, are errc::bad_argument.
    bool hide = false;
    /// Walks that one hidden get begins at most, and of them so many side by side.
    std::size_t walks = 32;
    std::size_t walks_at_once = 4;

    /// Values that a query of others may want, and copies that it may leave where it passes.
    std::uint8_t results_max = 16;
    /// Queries under way at once for others; for one network prefix half of them. From half of it on those of a lower
    /// priority than `busy_priority` are refused.
    std::size_t under_way_max = 1024;
    std::uint8_t busy_priority = 64;
    /// Of them, those that came from one peer.
    std::size_t under_way_peer = 64;
    /// Requests to services that are answered here at once, and of them those that came through one peer.
    std::size_t requests_max = 64;
    std::size_t requests_peer = 16;
    /// Requests that are remembered so that none is answered twice. When there are more, no more are answered. One part
    /// in eight of them may come through one neighbour, and one half through one network prefix.
    std::size_t requests_remembered = 65'536;
    /// Bytes of their replies, kept until their askers' time is over for those that come again. In the same shares.
    std::size_t replies_bytes = 16 * 1024 * 1024;
    /// Bytes of the values that they put, find, or ask services with, each as often as copies of it leave at once; for
    /// the queries of one neighbour a quarter of them, and for those of one network prefix half. One query is always
    /// taken.
    std::size_t under_way_bytes = 64 * 1024 * 1024;
    /// What each neighbour may send through this node, or have kept here, for itself and for others.
    relay_limits relays;
    /// Loop tags that are remembered; the oldest are forgotten first.
    std::size_t tags_max = 65'536;

    /// By rising priority, the first of them from 0.
    std::vector<travel_band> bands = std::vector<travel_band>(1);
    travel_decisions decisions;

    /// What holds for this priority. The rules must be valid.
    [[nodiscard]] const travel_band& band(std::uint8_t level) const;
};

/// Success, or errc::bad_configuration and the field's name in `field`.
[[nodiscard]] result<void> validate(const travel_rules& rules, std::string* field = nullptr);

}  // namespace mydht
