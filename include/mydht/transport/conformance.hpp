#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mydht/runtime/environment.hpp>
#include <mydht/transport/transport.hpp>

namespace mydht {

/// A transport under test. The suite needs no test framework: it says in words what is wrong, and whoever runs it
/// decides what to do about that.
struct conformance_subject {
    environment env;          ///< runs the checks; its clock bounds them
    any_transport listening;  ///< the side that is dialled
    any_transport dialing;    ///< the side that dials; often a copy of `listening`

    /// Where to listen, so that the transport chooses a free address: port 0, `mem://*`. Called once a listener.
    std::function<address()> listen_at;

    /// The most bytes that may lie between a writer and a peer that does not read. The suite writes twice as much.
    std::size_t buffered_bytes_max = 0;

    /// A check that takes longer has failed: the transport hangs.
    duration patience = std::chrono::seconds(60);
};

/// One property that any_connection, any_listener or any_transport promises.
struct conformance_check {
    std::string_view name;
    /// What was found wrong; empty when all is well. Leaves nothing running. Awaited on `subject.env.exec`.
    task<std::vector<std::string>> (*run)(conformance_subject subject);
};

/// All checks, in a sensible order.
[[nodiscard]] std::span<const conformance_check> conformance_checks() noexcept;

/// What came out of all checks.
struct conformance_report {
    std::size_t passed = 0;             ///< checks without a finding
    std::size_t failed = 0;             ///< checks with at least one
    std::vector<std::string> findings;  ///< "check: what is wrong"
};

/// Runs all checks one after the other. Awaited on `subject.env.exec`.
[[nodiscard]] task<conformance_report> check_transport(conformance_subject subject);

}  // namespace mydht
