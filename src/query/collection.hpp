#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>

#include <mydht/core/keys.hpp>
#include <mydht/wire/message.hpp>

#include "query/gathering.hpp"

namespace mydht::detail {

/// What somebody delivers, and what tells it from all else that is delivered.
struct delivery {
    delivery(const node_id& from_, wire::gathered what_);

    node_id from;
    wire::gathered what;
    id256 content;

    /// It says no more than that something will come.
    [[nodiscard]] bool is_announcement() const;
};

/// What is delivered for one query to the peer that waits for it. A plain value.
class collection {
public:
    enum class source : std::uint8_t {
        anybody,  ///< whoever has the ticket: as many of them as results are wanted, each once
        asked,    ///< the peers that the query was sent to, and they may come again
    };
    /// Deliveries that are judged, valid or not; beyond it none is taken.
    static constexpr std::size_t judged_max = 64;

    /// What is delivered goes into `found`, which must outlive it.
    collection(source from, std::size_t results, gathering& found) : from_(from), results_(results), found_(found) {}

    /// The query was sent to this peer.
    void sent_to(const node_id& peer) { asked_.insert(peer); }

    enum class verdict : std::uint8_t {
        taken,    ///< it is new, and valid
        known,    ///< it came before, or says no more than that something will come
        refused,  ///< not from this peer, too many, or for another query
        lie,      ///< nobody can have sent it honestly, unless it is for another query of the same tag
    };
    [[nodiscard]] verdict take(const delivery& brought);
    /// It came before, or says no more than that something will come.
    [[nodiscard]] bool knows(const delivery& brought) const;
    /// What was a lie is for no other query: whoever sent it has had its turn.
    void lied(const node_id& from);

private:
    [[nodiscard]] bool may_bring(const node_id& from) const;

    source from_;
    std::size_t results_;
    gathering& found_;
    std::set<node_id> asked_;
    std::set<id256> taken_;      // deliveries by their content
    std::set<node_id> brought_;  // who brought something valid
    std::set<node_id> liars_;
};

/// The collections of a node by their tags. Those of one tag are for different queries: whoever has seen a tag can use
/// it for another one, which must not keep out what comes for the first.
class collections {
    struct entry {
        collection* which = nullptr;
        std::function<void(const node_id& by)> wake;
    };
    using entries = std::multimap<loop_tag, entry>;

public:
    /// From its beginning to its end the collection is found under the tag. `wake` is called when something was taken.
    class place {
    public:
        place(collections& in, const loop_tag& tag, collection& which, std::function<void(const node_id& by)> wake);
        place(const place&) = delete;
        place& operator=(const place&) = delete;
        ~place();

    private:
        collections& in_;
        entries::iterator at_;
    };

    [[nodiscard]] bool awaits(const loop_tag& tag) const { return by_tag_.contains(tag); }
    /// Goes to whom it is for. Refused, or a lie, when it is for nobody.
    [[nodiscard]] collection::verdict take(const node_id& from, wire::deliver what);

private:
    entries by_tag_;
};

}  // namespace mydht::detail
