#pragma once

#include <vector>

#include <mydht/core/address.hpp>

namespace mydht {

/// What peers can dial when a node listens at `bound`: itself, or for a wildcard host the machine's own addresses of that
/// family with the same port, the widest scope first (link-local ones, which need a zone, are left out). Never empty for a
/// bound wildcard: loopback is always there. Reads the machine's interfaces; does not block.
[[nodiscard]] std::vector<address> dialable(const address& bound);

}  // namespace mydht
