#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/core/keys.hpp>
#include <mydht/core/time.hpp>
#include <mydht/session/admission.hpp>

#include <mydht/core/recent_map.hpp>

namespace mydht::detail {

/// What makes a block end early when it changes: the host of an IP address, whatever the port and kind, or the whole of
/// another.
[[nodiscard]] bytes host_of(const address& where);

/// The lists of an admission_config, and who is blocked. Without I/O; the callback is the pool's.
class admission_gate {
public:
    enum class opinion : std::uint8_t {
        refuse,   ///< not on the allow list, or on the deny list
        blocked,  ///< for a while, at this host
        ask,      ///< nothing is known against it
    };

    explicit admission_gate(const admission_config& config);

    [[nodiscard]] opinion about(const node_id& who, const address& at, steady_time now) const;

    /// Remembers a block; gives the time at which it ends.
    steady_time block(const node_id& who, const address& at, duration time, steady_time now);

    /// What may be dialled of a contact's addresses: none when the lists refuse it, and not the host that it was
    /// blocked at.
    [[nodiscard]] std::vector<address> dialable_of(const node_id& who, std::vector<address> addresses,
                                                   steady_time now) const;

    [[nodiscard]] std::size_t blocks() const noexcept { return blocks_.size(); }

private:
    struct block_entry {
        bytes host;
        steady_time until{};
    };

    [[nodiscard]] bool listed_out(const node_id& who) const;

    bool allows_all_;
    std::set<node_id> allow_;
    std::set<node_id> deny_;
    duration block_max_;
    recent_map<node_id, block_entry> blocks_;
};

}  // namespace mydht::detail
