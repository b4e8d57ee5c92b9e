#pragma once

#include <cstddef>
#include <system_error>
#include <vector>

#include <mydht/core/contact.hpp>
#include <mydht/core/time.hpp>

namespace mydht {

/// What happened in one walk towards a target.
struct lookup_report {
    std::size_t asked = 0;      ///< peers that a request was sent to
    std::size_t answered = 0;   ///< gave a usable answer
    std::size_t timed_out = 0;  ///< gave none before the hard timeout
    std::size_t failed = 0;     ///< could not be reached, refused, or lost the link
    std::size_t invalid = 0;    ///< answered what nobody may answer
    std::size_t hops = 0;       ///< the longest chain from a peer that was known before to one that answered
    /// Why the last peer that refused to be asked did so: errc::throttled, errc::peer_busy or errc::not_admitted; empty when none did.
    std::error_code refusal;
    duration took{};
    bool exhausted =
        false;  ///< the nearest peers have all answered; false when the walk was stopped or ran out of time
    std::vector<contact> closest;  ///< the nearest that answered, nearest first
};

}  // namespace mydht
