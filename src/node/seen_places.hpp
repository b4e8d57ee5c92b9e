#pragma once

#include <cstddef>
#include <iterator>
#include <list>
#include <map>
#include <optional>
#include <utility>

#include <mydht/core/address.hpp>
#include <mydht/core/id.hpp>

namespace mydht::detail {

/// Where peers were seen last, for each kind of transport: so many of them, after which the one that was seen longest ago is
/// forgotten.
class seen_places {
public:
    explicit seen_places(std::size_t max) : max_(max) {}

    /// The peer is there now. Where it was before, if that is known.
    std::optional<address> note(const node_id& who, const address& where) {
        const key_type key(who, where.kind());
        std::optional<address> before;
        if (const auto at = index_.find(key); at != index_.end()) {
            before = at->second->second;
            places_.erase(at->second);
            index_.erase(at);
        } else if (places_.size() >= max_) {
            index_.erase(places_.front().first);
            places_.pop_front();
        }
        places_.emplace_back(key, where);
        index_.emplace(key, std::prev(places_.end()));
        return before;
    }

    [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }

private:
    using key_type = std::pair<node_id, address_kind>;
    using place_list = std::list<std::pair<key_type, address>>;

    std::size_t max_;
    place_list places_;  // seen last at the end
    // Ordered, since ids are of strangers, who could make a hash table slow.
    std::map<key_type, place_list::iterator> index_;
};

}  // namespace mydht::detail
