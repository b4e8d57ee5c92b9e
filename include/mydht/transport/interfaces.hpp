#pragma once

#include <optional>
#include <vector>

#include <mydht/core/address.hpp>

namespace mydht {

/// What peers can dial when a node listens at `bound`: itself, or for a wildcard host the machine's own addresses of
/// that family with the same port, the widest scope first (link-local ones, which need a zone, are left out). Never
/// empty for a bound wildcard: loopback is always there. Reads the machine's interfaces; does not block.
[[nodiscard]] std::vector<address> dialable(const address& bound);

/// Whether an interface that is up has the host of `at`. Nothing for a wildcard, for what is no IP address, and when
/// the system does not say. No is no proof that nobody can listen there: a route may lead a whole network to this
/// machine, as 127.0.0.0/8 does. Reads the machine's interfaces; does not block.
[[nodiscard]] std::optional<bool> machine_has(const address& at);

}  // namespace mydht
