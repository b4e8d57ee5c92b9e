#include <mydht/store/memory_store.hpp>

#include <stdexcept>
#include <utility>

#include "store/shelf.hpp"

namespace mydht {

memory_store::memory_store(store_limits limits) {
    if (!check(limits)) throw std::invalid_argument("store_limits: every limit must be above zero");
    shelf_ = std::make_unique<detail::shelf>(limits);
}

memory_store::memory_store(memory_store&&) noexcept = default;
memory_store& memory_store::operator=(memory_store&&) noexcept = default;
memory_store::~memory_store() = default;

task<result<put_outcome>> memory_store::put(store_entry entry, std::optional<std::uint64_t> expected_sequence,
                                            wall_time now) {
    co_return shelf_->put(std::move(entry), expected_sequence, now);
}

task<result<std::vector<store_entry>>> memory_store::get(id256 where, wall_time now) {
    std::vector<store_entry> out;
    if (const auto* found = shelf_->find(where, now)) out.push_back(*found);
    co_return out;
}

task<result<store_page>> memory_store::list(store_cursor from, std::size_t max) { co_return shelf_->list(from, max); }

task<result<bool>> memory_store::erase(id256 where) { co_return shelf_->erase(where); }

task<result<std::size_t>> memory_store::expire(wall_time now, std::size_t max) { co_return shelf_->expire(now, max); }

task<result<store_usage>> memory_store::usage() { co_return shelf_->usage(); }

}  // namespace mydht
