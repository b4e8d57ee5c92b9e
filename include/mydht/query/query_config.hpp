#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include <mydht/core/result.hpp>

namespace mydht {

/// Settings of the queries of one node.
struct query_config {
    /// Replicas of a value, and how many nearest peers a lookup converges on.
    std::size_t k = 20;
    /// Requests under way in one lookup while peers answer promptly.
    std::size_t alpha = 4;
    /// Disjoint paths of the lookup behind a put, so that one liar near the target cannot keep the value away from the
    /// rest.
    std::size_t disjoint_paths = 3;
    /// A peer that has not answered by now no longer counts against alpha, but may still answer; sooner, but not before
    /// a quarter of it, when the others answer much faster. A query that travels passes by a peer with which there is
    /// no session after twice this time.
    std::chrono::milliseconds soft_timeout{1'000};
    /// A peer that has not answered by now has failed; sooner, but not before twice the soft timeout, when the others
    /// answer so much faster that it is not to be expected any more.
    std::chrono::milliseconds hard_timeout{10'000};
    /// The whole of one get, put or lookup.
    std::chrono::milliseconds query_timeout{30'000};
    /// The lifetime of a value that is put without one.
    std::chrono::milliseconds value_lifetime{86'400'000};
    /// Subnet caps do not bind between nodes that listen on loopback and private addresses alone.
    bool exempt_local = true;
};

/// Success, or errc::bad_configuration and the field's name in `field`.
[[nodiscard]] result<void> validate(const query_config& config, std::string* field = nullptr);

}  // namespace mydht
