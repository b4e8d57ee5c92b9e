#include "query/relay_load.hpp"

#include <cassert>
#include <utility>

#include "query/forwarding_state.hpp"

namespace mydht::detail {

std::size_t relay_load::queries_of(const node_id& neighbour) const {
    const auto known = by_neighbour_.find(neighbour);
    return known == by_neighbour_.end() ? 0 : known->second.queries;
}

bool relay_load::has_room(const node_id& neighbour, std::size_t bytes, std::size_t own) const {
    const auto known = by_neighbour_.find(neighbour);
    const auto share = known == by_neighbour_.end() ? 0 : known->second.bytes;
    const auto fits = [&](std::size_t held, std::size_t most) { return held == own || held + bytes <= most; };
    return fits(bytes_, bytes_max_) && fits(share, bytes_max_ / shares);
}

void relay_load::begin(const node_id& neighbour) {
    ++queries_;
    ++by_neighbour_[neighbour].queries;
}

void relay_load::add(const node_id& neighbour, std::size_t bytes) {
    bytes_ += bytes;
    by_neighbour_[neighbour].bytes += bytes;
}

void relay_load::end(const node_id& neighbour, std::size_t bytes) {
    const auto known = by_neighbour_.find(neighbour);
    assert(known != by_neighbour_.end() && known->second.bytes >= bytes);
    --queries_;
    bytes_ -= bytes;
    known->second.bytes -= bytes;
    if (--known->second.queries == 0) by_neighbour_.erase(known);
}

query_place::query_place(std::shared_ptr<forwarding_state> in, const node_id& from, std::size_t weight)
    : in_(std::move(in)), from_(from), weight_(weight) {
    in_->load.begin(from_);
    in_->load.add(from_, weight_);
}

query_place::~query_place() { in_->load.end(from_, weight_ + gathered_); }

bool query_place::gathers(std::size_t bytes) {
    if (bytes <= gathered_) return true;
    const auto more = bytes - gathered_;
    if (!in_->load.has_room(from_, more, weight_ + gathered_)) return false;
    in_->load.add(from_, more);
    gathered_ = bytes;
    return true;
}

}  // namespace mydht::detail
