#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <vector>

#include <mydht/core/contact.hpp>
#include <mydht/core/time.hpp>

namespace mydht {

/// What one peer did with a query, as far as its asker knows: for the asker to look at, nobody else is told. Times
/// count from the beginning of the query.
struct query_step {
    enum class ending : std::uint8_t {
        waiting,      ///< had not answered when the query ended
        answered,     ///< a good answer, without what was looked for
        found,        ///< had what was looked for; in a query that travels, or somebody behind it
        seen_before,  ///< the query that travels had come by there another way
        refused,      ///< said that it would not
        silent,       ///< no answer in time
        unreachable,  ///< no session
        invalid,      ///< answered what nobody may answer
        brought,      ///< was not asked by the asker, and brought what it had straight there
    };

    node_id peer;
    /// Where it was asked and, once it has answered, where its session goes; empty for one that brought something.
    address where;
    /// Of a walk: the step, an index, whose answer named this peer first. Nothing for peers that were known before.
    std::optional<std::size_t> named_by;
    /// Of queries that are sent again: the first, second, ... time, and which of the walks of a hidden one.
    std::size_t round = 0;
    duration sent{};                ///< or when it came, of what was brought
    std::optional<duration> first;  ///< when something first came from the peer that was not its answer
    std::optional<duration> ended;  ///< when the answer came, or word that none will
    ending how = ending::waiting;
    bool late = false;         ///< of a walk: it answered after the soft timeout, when others were asked in its place
    std::size_t contacts = 0;  ///< that its answer named
    /// Values, contacts of the peer that was looked for, or copies of a put that it answered with.
    std::size_t results = 0;
    /// Results that it says were brought to the asker, or that it has handed on before its answer.
    std::size_t delivered = 0;
};

/// What happened in one query.
struct lookup_report {
    /// Steps that are written down; what a query does beyond them is only counted.
    static constexpr std::size_t steps_max = 1024;

    std::size_t asked = 0;      ///< peers that a request was sent to
    std::size_t answered = 0;   ///< gave a usable answer
    std::size_t timed_out = 0;  ///< gave none before the hard timeout
    std::size_t failed = 0;     ///< could not be reached, refused, or lost the link
    std::size_t invalid = 0;    ///< answered what nobody may answer
    std::size_t hops = 0;       ///< the longest chain from a peer that was known before to one that answered
    std::size_t rounds = 0;     ///< of a query that travels: how often it was begun; of a hidden one, its walks
    /// Why the last peer that refused to be asked did so: errc::throttled, errc::peer_busy or errc::not_admitted; empty
    /// when none did.
    std::error_code refusal;
    duration took{};
    /// The nearest peers have all answered; false when the walk was stopped or ran out of time.
    bool exhausted = false;
    std::vector<contact> closest;   ///< the nearest that answered, nearest first
    std::vector<query_step> steps;  ///< in the order in which they were sent
};

}  // namespace mydht
