#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <vector>

#include <mydht/core/keys.hpp>

namespace mydht::detail {

/// The queries that a node is passing on, and who sends one of them here meanwhile: whoever has it need not be sent it,
/// so that no link is crossed both ways unless two messages meet on it.
class crossings {
    struct entry {
        std::vector<node_id> senders;
    };
    using entries = std::multimap<id256, entry>;

public:
    /// Senders that are remembered for one query. Beyond it they may be sent what they have.
    static constexpr std::size_t senders_max = 256;

    /// From its beginning to its end the query is passed on.
    class place {
    public:
        place(crossings& in, const id256& visit) : in_(in), at_(in.by_visit_.emplace(visit, entry())) {}
        place(const place&) = delete;
        place& operator=(const place&) = delete;
        ~place() { in_.by_visit_.erase(at_); }

        /// The peer has sent it here since then.
        [[nodiscard]] bool came_from(const node_id& peer) const {
            const auto& senders = at_->second.senders;
            return std::find(senders.begin(), senders.end(), peer) != senders.end();
        }

    private:
        crossings& in_;
        entries::iterator at_;
    };

    /// The peer sends a query that has been here.
    void note(const id256& visit, const node_id& from) {
        const auto [begin, end] = by_visit_.equal_range(visit);
        for (auto at = begin; at != end; ++at) {
            auto& senders = at->second.senders;
            const bool fresh = std::find(senders.begin(), senders.end(), from) == senders.end();
            if (fresh && senders.size() < senders_max) senders.push_back(from);
        }
    }

private:
    entries by_visit_;
};

}  // namespace mydht::detail
