#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>
#include <mydht/runtime/task.hpp>
#include <mydht/session/session.hpp>

namespace mydht {

namespace detail {
class event_queue;
}

/// Something that happened to a node. A peer may have a session over each kind of transport, say TCP and UDP, and each
/// of them comes with a peer_up and goes with a peer_down of its own (`who.kind` tells them apart): a peer has gone
/// when as many have gone down as came up.
struct node_event {
    enum class kind : std::uint8_t {
        peer_up,          ///< a session with `who` is there, over transport `who.kind`
        peer_down,        ///< it has ended, and `why`; the peer may have another one
        peer_blocked,     ///< admission keeps `who` out for `time`
        peer_moved,       ///< `who`, in the same session or a new one, is at `who.observed` now and was at `before`
        address_changed,  ///< peers reach this node at `addresses` now
        socket_lost,      ///< a socket of datagrams that listened at `addresses` is lost, and `why`; it is opened again
        socket_back,      ///< it listens again
    };

    kind what = kind::peer_up;
    peer_info who;
    std::error_code why;
    duration time{};
    address before;
    std::vector<address> addresses;
    /// Events that were dropped just before this one, because nobody took them in time.
    std::uint64_t missed = 0;
};

/// The events of a node from node::events() on, oldest first. A handle: empty by default; copies share the stream, and
/// an event goes to one of them. When all are gone the node keeps no more events for it.
class event_stream {
public:
    event_stream() = default;
    explicit event_stream(std::shared_ptr<detail::event_queue> queue) : queue_(std::move(queue)) {}

    [[nodiscard]] bool empty() const noexcept { return queue_ == nullptr; }

    /// Completes with the next event, on the caller's executor; may be awaited on any. Not for an empty handle.
    /// Errors: errc::closed when the node has stopped and everything was taken. Cancelled: no event is lost.
    [[nodiscard]] task<result<node_event>> next();

private:
    std::shared_ptr<detail::event_queue> queue_;
};

}  // namespace mydht
