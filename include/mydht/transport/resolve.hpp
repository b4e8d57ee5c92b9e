#pragma once

#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/runtime/environment.hpp>

namespace mydht {

/// The addresses of a location: at once when the host is a number or the kind has no hosts, else by asking the system's
/// resolver on `env.workers`. At least one address, in the resolver's order, without repetitions. tor and i2p names are
/// never asked for, nor is localhost. Errors: errc::unknown_host, errc::bad_address. Not cancellable while the system
/// resolves: it completes, or throws the cancellation, when the resolver has answered.
[[nodiscard]] task<result<std::vector<address>>> resolve(environment env, location where);

}  // namespace mydht
