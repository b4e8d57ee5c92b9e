#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>

namespace mydht {

/// How a lookup walks.
struct shortlist_config {
    static constexpr std::size_t paths_max = 8;

    /// The lookup ends when this many nearest contacts have answered, on each path.
    std::size_t k = 20;
    /// Requests under way on a path whose peers are not slow.
    std::size_t alpha = 4;
    /// Requests under way on a path, those of slow peers included.
    std::size_t waiting_max = 16;
    /// Disjoint paths (S/Kademlia: Baumgart and Mies 2007): no peer is asked on two of them, so a liar spoils one. At
    /// most paths_max. Costs requests; for puts, and for gets that somebody may want to fail.
    std::size_t paths = 1;
    /// A peer that has not answered for this long no longer counts against alpha. It may still answer.
    duration soft_timeout = std::chrono::seconds(1);
    /// A peer that has not answered for this long has failed.
    duration hard_timeout = std::chrono::seconds(10);
    /// A path also ends when this many answers in a row brought nothing nearer than its k nearest. Fewer requests, and
    /// a closest set that may lack somebody: for gets, which ask for values on the way.
    std::optional<std::size_t> stop_after_unimproved;
    /// Contacts of one subnet among a path's k nearest, and in closest().
    std::size_t per_subnet = 2;
    /// No such cap for local addresses; as kbucket_config::exempt_local.
    bool exempt_local = false;
    /// Contacts taken from one answer.
    std::size_t heard_max = 20;
    /// Contacts that a path holds to be asked; the farthest are forgotten.
    std::size_t candidates_max = 120;
    /// Requests of the whole lookup, so that invented contacts do not keep it going for ever.
    std::size_t requests_max = 400;
};

/// Success when every number and timeout is above zero, the soft timeout at most the hard one, alpha at most
/// waiting_max and there are at most paths_max paths. Errors: errc::bad_configuration.
[[nodiscard]] result<void> validate(const shortlist_config& config);

}  // namespace mydht
