#include "session/request_table.hpp"

#include <algorithm>
#include <utility>

namespace mydht::detail {

namespace {

constexpr std::size_t places_min = 4;

}  // namespace

result<std::uint64_t> request_table::add(pending_request& waits) {
    if (size_ >= capacity_) return failure(errc::too_many_requests);
    if (size_ == places_.size()) grow();
    while (place_of(next_).waits != nullptr) ++next_;
    const auto id = next_++;
    place_of(id) = {id, &waits};
    ++size_;
    return id;
}

void request_table::grow() {
    auto old = std::exchange(places_, std::vector<place>(std::max(places_min, places_.size() * 2)));
    for (const auto& one : old) place_of(one.id) = one;
}

void request_table::remove(std::uint64_t id) noexcept {
    if (places_.empty()) return;
    auto& at = place_of(id);
    if (at.id != id || at.waits == nullptr) return;
    at.waits = nullptr;
    --size_;
}

result<void> request_table::settle(std::uint64_t id, result<wire::message> answer) {
    if (id == 0 || id >= next_) return failure(errc::protocol_violation);
    if (places_.empty()) return {};
    auto& at = place_of(id);
    if (at.id != id || at.waits == nullptr) return {};
    --size_;
    std::exchange(at.waits, nullptr)->settle(std::move(answer));
    return {};
}

void request_table::fail_all(std::error_code why) {
    auto all = std::exchange(places_, {});
    size_ = 0;
    std::ranges::sort(all, {}, &place::id);
    for (const auto& one : all) {
        if (one.waits != nullptr) one.waits->settle(failure(why));
    }
}

void request_table::release() noexcept {
    if (size_ == 0) std::vector<place>().swap(places_);
}

}  // namespace mydht::detail
