#include "query/relay_load.hpp"

#include <cassert>
#include <utility>

#include "query/forwarding_state.hpp"

namespace mydht::detail {

namespace {

template <typename Shares>
std::size_t queries_in(const Shares& all, const typename Shares::key_type& whose) {
    const auto known = all.find(whose);
    return known == all.end() ? 0 : known->second.queries;
}

template <typename Shares>
std::size_t bytes_in(const Shares& all, const typename Shares::key_type& whose) {
    const auto known = all.find(whose);
    return known == all.end() ? 0 : known->second.bytes;
}

template <typename Shares>
void end_in(Shares& all, const typename Shares::key_type& whose, std::size_t bytes) {
    const auto known = all.find(whose);
    assert(known != all.end() && known->second.bytes >= bytes);
    known->second.bytes -= bytes;
    if (--known->second.queries == 0) all.erase(known);
}

}  // namespace

std::size_t relay_load::queries_of(const node_id& neighbour) const { return queries_in(neighbours_, neighbour); }

std::size_t relay_load::queries_of_prefix(const bytes& prefix) const { return queries_in(prefixes_, prefix); }

bool relay_load::has_room(const payer& whose, std::size_t bytes, std::size_t own) const {
    const auto fits = [&](std::size_t held, std::size_t most) { return held == own || held + bytes <= most; };
    const bool near = whose.prefix.empty() || fits(bytes_in(prefixes_, whose.prefix), bytes_max_ / parts_of_prefix);
    return near && fits(bytes_, bytes_max_) &&
           fits(bytes_in(neighbours_, whose.neighbour), bytes_max_ / parts_of_neighbour);
}

void relay_load::begin(const payer& whose) {
    ++queries_;
    ++neighbours_[whose.neighbour].queries;
    if (!whose.prefix.empty()) ++prefixes_[whose.prefix].queries;
}

void relay_load::add(const payer& whose, std::size_t bytes) {
    bytes_ += bytes;
    neighbours_[whose.neighbour].bytes += bytes;
    if (!whose.prefix.empty()) prefixes_[whose.prefix].bytes += bytes;
}

void relay_load::end(const payer& whose, std::size_t bytes) {
    --queries_;
    bytes_ -= bytes;
    end_in(neighbours_, whose.neighbour, bytes);
    if (!whose.prefix.empty()) end_in(prefixes_, whose.prefix, bytes);
}

query_place::query_place(std::shared_ptr<forwarding_state> in, payer whose, std::size_t weight)
    : in_(std::move(in)), whose_(std::move(whose)), weight_(weight) {
    in_->load.begin(whose_);
    in_->load.add(whose_, weight_);
}

query_place::~query_place() { in_->load.end(whose_, weight_ + gathered_); }

bool query_place::gathers(std::size_t bytes) {
    if (bytes <= gathered_) return true;
    const auto more = bytes - gathered_;
    if (!in_->load.has_room(whose_, more, weight_ + gathered_)) return false;
    in_->load.add(whose_, more);
    gathered_ = bytes;
    return true;
}

}  // namespace mydht::detail
