#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <utility>

#include <mydht/core/keys.hpp>
#include <mydht/core/time.hpp>

namespace mydht::detail {

/// The loop tags of queries that came by: what makes a query visit each peer once, however it is sent around. Bounded; the oldest
/// tag is forgotten first, and then a query may come by once more, which its hops and lifetime bound.
class seen_tags {
public:
    explicit seen_tags(std::size_t capacity) : capacity_(capacity) {}

    /// False when the tag was noted before and its time is not over.
    bool note(const loop_tag& tag, steady_time now, steady_time until);

    [[nodiscard]] std::size_t size() const noexcept { return until_.size(); }

private:
    void forget_oldest();

    std::size_t capacity_;
    std::map<loop_tag, steady_time> until_;
    std::deque<std::pair<loop_tag, steady_time>> in_order_;
};

}  // namespace mydht::detail
