#pragma once

#include <cstddef>
#include <list>
#include <string_view>

#include <mydht/core/address.hpp>
#include <mydht/runtime/clock.hpp>
#include <mydht/runtime/task_group.hpp>

#include "session/session_context.hpp"

namespace mydht::detail {

class arrivals;

/// A connection from outside on which a handshake is under way.
class arrival final : private alarm {
public:
    arrival(arrivals& in, const address& from);
    arrival(const arrival&) = delete;
    arrival& operator=(const arrival&) = delete;
    ~arrival() { greet(); }

    /// Its preamble has come.
    void greet() noexcept;

    task_handle running;

private:
    friend class arrivals;

    void fire() noexcept override;

    arrivals* all_;
    address from_;
    bytes prefix_;  // none for a neighbour, whose prefix says nothing
    bool greeted_ = false;
};

/// The connections from outside that have not proven themselves yet. They cost a stranger nothing, so there are only so
/// many, in all and from one network, and a new one pushes out the oldest: one that has said nothing before one that
/// has. Who goes on with the handshake is through before it is the oldest.
class arrivals {
public:
    using place = std::list<arrival>::iterator;

    /// `context` must outlive it.
    explicit arrivals(session_context& context) : context_(&context) {}

    /// Takes a new one in, for which others may have to go.
    [[nodiscard]] place add(const address& from);
    void remove(place which) noexcept;

    /// Those that were told to end and have not ended yet are as many as may be: accept no more until one has.
    [[nodiscard]] bool crowded() const noexcept;

private:
    friend class arrival;

    /// Ends the oldest one of this prefix, or of all.
    void push_out(const bytes* prefix, std::string_view why);
    void end(arrival& which, std::string_view why);

    session_context* context_;
    std::list<arrival> here_;     // the oldest first
    std::list<arrival> leaving_;  // told to end
};

}  // namespace mydht::detail
