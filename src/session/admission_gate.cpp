#include "session/admission_gate.hpp"

#include <algorithm>
#include <utility>

namespace mydht {

admission_verdict admission_verdict::refuse() noexcept { return {kind::refuse, duration::zero(), 0}; }

admission_verdict admission_verdict::block(duration time) noexcept { return {kind::block, time, 0}; }

admission_verdict admission_verdict::accept(std::uint8_t priority) noexcept {
    return {kind::accept, duration::zero(), priority};
}

result<void> check(const admission_config& config) noexcept {
    const bool fine = config.blocks_max > 0 && config.block_max.count() > 0;
    return fine ? result<void>() : failure(errc::bad_configuration);
}

}  // namespace mydht

namespace mydht::detail {

bytes host_of(const address& where) {
    if (where.is_ip()) return to_bytes(where.host());
    auto out = to_bytes(where.data());
    out.push_back(static_cast<std::uint8_t>(where.kind()));
    return out;
}

admission_gate::admission_gate(const admission_config& config)
    : allows_all_(!config.allow),
      deny_(config.deny.begin(), config.deny.end()),
      block_max_(config.block_max),
      blocks_(config.blocks_max) {
    if (config.allow) allow_.insert(config.allow->begin(), config.allow->end());
}

bool admission_gate::listed_out(const node_id& who) const {
    return deny_.contains(who) || (!allows_all_ && !allow_.contains(who));
}

admission_gate::opinion admission_gate::about(const node_id& who, const address& at, steady_time now) const {
    if (listed_out(who)) return opinion::refuse;
    const auto* blocked = blocks_.find(who);
    if (blocked != nullptr && now < blocked->until && blocked->host == host_of(at)) return opinion::blocked;
    return opinion::ask;
}

steady_time admission_gate::block(const node_id& who, const address& at, duration time, steady_time now) {
    auto& entry = blocks_.touch(who);
    entry.host = host_of(at);
    entry.until = now + std::clamp(time, duration::zero(), block_max_);
    return entry.until;
}

std::vector<address> admission_gate::dialable_of(const node_id& who, std::vector<address> addresses,
                                                 steady_time now) const {
    std::erase_if(addresses, [&](const address& at) { return about(who, at, now) != opinion::ask; });
    return addresses;
}

}  // namespace mydht::detail
