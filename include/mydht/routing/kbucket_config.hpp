#pragma once

#include <chrono>
#include <cstddef>

#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>

namespace mydht {

/// What a bucket table keeps.
struct kbucket_config {
    /// Contacts in a bucket; the k of Kademlia. Large enough that not all of them leave within a refresh interval.
    std::size_t k = 20;
    /// Verified contacts kept in reserve for a full bucket, the newcomer that waits for a ping among them.
    std::size_t replacements = 8;
    /// Contacts of one subnet in a bucket and in the whole table: what one operator can take.
    std::size_t subnet_in_bucket = 2;
    std::size_t subnet_in_table = 3;
    /// No caps for contacts observed at local addresses. Only for nodes that listen on loopback or private ones alone.
    bool exempt_local = false;
    /// This node dials IP addresses. Then all other kinds together take at most half of a bucket: their addresses cost
    /// nothing, so caps by subnet do not hold them.
    bool speaks_ip = true;
    /// Consecutive failed requests after which a contact is bad: not given out, and replaced when there is another.
    std::size_t failures_max = 3;
    /// A contact seen more recently is not pinged when another wants its place. Spares pings; delays the discovery of
    /// contacts that left.
    duration ping_after = std::chrono::minutes(5);
    /// A ping whose outcome was not reported for this long is taken for forgotten, and another may be asked for.
    duration ping_patience = std::chrono::minutes(1);
};

/// Success when every limit is above zero and the durations are not negative.
/// Errors: errc::bad_configuration.
[[nodiscard]] result<void> validate(const kbucket_config& config);

}  // namespace mydht
