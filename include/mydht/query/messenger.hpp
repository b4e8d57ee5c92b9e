#pragma once

#include <utility>

#include <mydht/core/address.hpp>
#include <mydht/core/contact.hpp>
#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>
#include <mydht/runtime/task.hpp>
#include <mydht/wire/message.hpp>

namespace mydht {

/// A peer's answer, which may be wire::error, and where its session was observed to go.
struct reply {
    reply() {}
    reply(wire::message what_, address from_) : what(std::move(what_)), from(from_) {}

    wire::message what;
    address from;
};

/// To whom something is handed that was not asked for by a request.
class handing {
public:
    /// To the peer that a query came from, over the session that is there.
    [[nodiscard]] static handing back() { return {true, {}}; }
    /// To one that has signed its addresses: one of them is dialled, with one packet when it was never met there.
    /// `cause`: where the neighbour was observed who sent the query, and so causes the dial.
    [[nodiscard]] static handing to_asker(const address& cause) { return {false, cause}; }

    [[nodiscard]] bool is_back() const noexcept { return back_; }
    [[nodiscard]] const address& cause() const noexcept { return cause_; }

private:
    handing(bool back, const address& cause) : back_(back), cause_(cause) {}

    bool back_;
    address cause_;
};

/// How a query reaches a peer: over a session that is there or has to be made. Queries know nothing else of the
/// network, so that the same query goes over a tunnel, or over a table of answers in a test.
class messenger {
public:
    messenger() = default;
    messenger(const messenger&) = delete;
    messenger& operator=(const messenger&) = delete;
    virtual ~messenger() = default;

    /// Completes with the peer's answer. Errors: errc::timed_out at the deadline, and whatever keeps a session
    /// from being made or from living on.
    [[nodiscard]] virtual task<result<reply>> ask(contact to, wire::message what, steady_time deadline) = 0;

    /// Brings a peer what was found for a query. Errors: the same, and errc::unreachable without a session when there
    /// has to be one.
    [[nodiscard]] virtual task<result<reply>> hand(contact to, wire::deliver what, steady_time deadline,
                                                   handing how) = 0;
};

}  // namespace mydht
