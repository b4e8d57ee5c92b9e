#pragma once

#include <cstddef>
#include <iterator>
#include <list>
#include <map>
#include <utility>

namespace mydht::detail {

/// A map of at most so many entries: a further one takes the place of the one that was not touched for longest.
/// Ordered, since the keys come from strangers, who could make a hash table slow.
template <typename Key, typename Value>
class recent_map {
public:
    explicit recent_map(std::size_t size_max) : size_max_(size_max) {}

    /// The entry of the key, made when there is none. Valid until the next touch() or erase().
    Value& touch(const Key& key) {
        const auto at = index_.find(key);
        if (at != index_.end()) {
            entries_.splice(entries_.end(), entries_, at->second);
            return at->second->second;
        }
        if (entries_.size() >= size_max_) {
            index_.erase(entries_.front().first);
            entries_.pop_front();
        }
        entries_.emplace_back(key, Value());
        index_.emplace(key, std::prev(entries_.end()));
        return entries_.back().second;
    }

    /// Does not count as a touch; nullptr without an entry.
    [[nodiscard]] const Value* find(const Key& key) const {
        const auto at = index_.find(key);
        return at != index_.end() ? &at->second->second : nullptr;
    }

    void erase(const Key& key) {
        const auto at = index_.find(key);
        if (at == index_.end()) return;
        entries_.erase(at->second);
        index_.erase(at);
    }

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

private:
    using entry_list = std::list<std::pair<Key, Value>>;

    std::size_t size_max_;
    entry_list entries_;  // touched last at the end
    std::map<Key, typename entry_list::iterator> index_;
};

}  // namespace mydht::detail
