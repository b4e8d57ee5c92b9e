#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mydht/runtime/environment.hpp>
#include <mydht/transport/conformance.hpp>
#include <mydht/transport/datagram.hpp>

namespace mydht {

/// A datagram transport under test, over a way that neither loses nor repeats nor reorders what a receiver has room
/// for. The suite needs no test framework: it says in words what is wrong.
struct datagram_subject {
    environment env;                 ///< runs the checks; its clock bounds them
    any_datagram_transport one;      ///< opens the socket that most checks send from
    any_datagram_transport another;  ///< opens the socket that they send to; often a copy of `one`

    /// Where to open, so that the transport chooses a free address: port 0, `mem://*`. Called once a socket.
    std::function<address()> open_one_at;
    std::function<address()> open_another_at;

    /// What is sent to an address that nobody has open is reported as refused.
    bool reports_refused = true;

    /// A check that takes longer has failed: the transport hangs.
    duration patience = std::chrono::seconds(60);
};

/// One property that any_datagram_socket or any_datagram_transport promises.
struct datagram_check {
    std::string_view name;
    /// What was found wrong; empty when all is well. Leaves nothing running. Awaited on `subject.env.exec`.
    task<std::vector<std::string>> (*run)(datagram_subject subject);
};

/// All checks, in a sensible order.
[[nodiscard]] std::span<const datagram_check> datagram_checks() noexcept;

/// Runs all checks one after the other. Awaited on `subject.env.exec`.
[[nodiscard]] task<conformance_report> check_datagrams(datagram_subject subject);

}  // namespace mydht
