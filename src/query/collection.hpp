#pragma once

#include <cstddef>
#include <map>
#include <set>

#include <mydht/core/keys.hpp>
#include <mydht/wire/message.hpp>

#include "query/gathering.hpp"

namespace mydht::detail {

/// What is delivered for one query to the peer that waits for it. A plain value.
class collection {
public:
    enum class source : std::uint8_t {
        anybody,  ///< whoever has the ticket: as many of them as results are wanted, each once
        asked,    ///< the peers that the query was sent to, and they may come again
    };

    /// What is delivered goes into `found`, which must outlive it.
    collection(source from, std::size_t results, gathering& found) : from_(from), results_(results), found_(found) {}

    /// The query was sent to this peer.
    void sent_to(const node_id& peer) { asked_.insert(peer); }

    enum class verdict : std::uint8_t {
        taken,    ///< it is new, and valid
        known,    ///< it came before, or says no more than that it will come
        refused,  ///< not from this peer, too many, or a lie
    };
    [[nodiscard]] verdict take(const node_id& from, wire::gathered what);

private:
    [[nodiscard]] bool may_bring(const node_id& from) const;

    source from_;
    std::size_t results_;
    gathering& found_;
    std::set<node_id> asked_;
    std::set<id256> seen_;     // deliveries that were judged, valid or not
    std::set<node_id> brought_;  // who brought something valid
};

/// The collections of a node by their tags. Whoever adds one keeps it until it is removed.
class collections {
public:
    /// From its beginning to its end a collection is found here.
    class place {
    public:
        place(collections& in, const loop_tag& tag, collection& which);
        place(const place&) = delete;
        place& operator=(const place&) = delete;
        ~place();

    private:
        collections& in_;
        loop_tag tag_;
    };

    [[nodiscard]] collection* find(const loop_tag& tag) const;

private:
    std::map<loop_tag, collection*> by_tag_;
};

}  // namespace mydht::detail
