#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <utility>

#include <mydht/core/keys.hpp>
#include <mydht/core/time.hpp>
#include <mydht/wire/message.hpp>

namespace mydht::detail {

/// What tells one query from all others on its way: the loop tag and the goal, so that nobody who has seen the tag can
/// use it up for another one.
[[nodiscard]] id256 visit_of(const wire::forward& query);

/// The name under which is noted that what is here for a visit was brought to its asker.
[[nodiscard]] id256 brought_name(const id256& visit);

/// The queries that came by: what makes a query visit each peer once, however it is sent around. Bounded; the oldest
/// is forgotten first, and then it may come by once more, which its hops and lifetime bound.
class seen_tags {
public:
    explicit seen_tags(std::size_t capacity) : capacity_(capacity) {}

    /// It was noted before, and its time is not over.
    [[nodiscard]] bool knows(const id256& visit, steady_time now) const;
    /// False when it was known.
    bool note(const id256& visit, steady_time now, steady_time until);

    [[nodiscard]] std::size_t size() const noexcept { return until_.size(); }

private:
    void forget_oldest();

    std::size_t capacity_;
    std::map<id256, steady_time> until_;
    std::deque<std::pair<id256, steady_time>> in_order_;
};

}  // namespace mydht::detail
