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
        refused,  ///< not from this peer, too many, or a lie
    };
    [[nodiscard]] verdict take(const node_id& from, wire::gathered what);

private:
    [[nodiscard]] bool may_bring(const node_id& from) const;

    source from_;
    std::size_t results_;
    gathering& found_;
    std::set<node_id> asked_;
    std::map<id256, bool> judged_;  // deliveries by their content, and whether they were valid
    std::set<node_id> brought_;     // who brought something valid
};

/// The collections of a node by their tags.
class collections {
public:
    /// From its beginning to its end the collection is found under the tag, unless another one is: somebody may use a
    /// tag for two queries. `wake` is called when something was taken.
    class place {
    public:
        place(collections& in, const loop_tag& tag, collection& which, std::function<void(const node_id& by)> wake);
        place(const place&) = delete;
        place& operator=(const place&) = delete;
        ~place();

    private:
        collections& in_;
        loop_tag tag_;
        bool found_;
    };

    [[nodiscard]] bool awaits(const loop_tag& tag) const { return by_tag_.contains(tag); }
    /// Refused when nobody waits for it.
    [[nodiscard]] collection::verdict take(const node_id& from, wire::deliver what);

private:
    struct entry {
        collection* which = nullptr;
        std::function<void(const node_id& by)> wake;
    };
    std::map<loop_tag, entry> by_tag_;
};

}  // namespace mydht::detail
