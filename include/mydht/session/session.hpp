#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <mydht/core/contact.hpp>
#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>
#include <mydht/runtime/task.hpp>
#include <mydht/wire/codec_id.hpp>
#include <mydht/wire/frame.hpp>
#include <mydht/wire/message.hpp>

namespace mydht {

/// Who is at the other end of a session.
struct peer_info {
    /// The proven identity, what it can do, and where it says it can be dialled: its wildcard hosts are filled in from
    /// `observed`, and addresses of a narrower scope than the connection's are left out.
    contact who;
    /// Where the connection comes from or goes to. For an incoming one the port is not where the peer listens.
    address observed;
    address_kind kind = address_kind::none;
    /// This side dialled.
    bool outgoing = false;
    /// False on plain links: the identity is only claimed.
    bool proven = false;
    /// What admission gave it; 0 while that is asked.
    std::uint8_t priority = 0;
    /// How messages are encoded, as the handshake has settled it; none until there is a session.
    wire::codec_id codec = wire::codec_id::none;
};

class stream;

namespace detail {
class session_state;
}

/// A link to one peer: requests go out, answers come back. A handle: empty by default, copies share the link, which
/// lives in its session_pool. All calls on the pool's executor.
class session {
public:
    session() = default;
    explicit session(std::shared_ptr<detail::session_state> state) : state_(std::move(state)) {}

    [[nodiscard]] bool empty() const noexcept { return state_ == nullptr; }
    /// True while requests can be sent. The requests of a session that lost a crossing go over the one that stayed, so
    /// its holder does not notice.
    [[nodiscard]] bool open() const noexcept;

    /// Not for an empty handle.
    [[nodiscard]] const peer_info& peer() const noexcept;

    /// Sends a request and completes with the peer's answer, which may be wire::error.
    /// Errors: errc::timed_out at the deadline, errc::session_closed, errc::too_many_requests, errc::too_large when the
    /// request does not encode (errc::bad_argument when it has a field that no peer would accept), errc::slow_peer,
    /// errc::not_admitted when the peer refuses this node, errc::not_supported, errc::malformed or
    /// errc::unknown_version when the answer does not decode. Cancelled or late: the peer is told, and a late answer is
    /// dropped. When it fails the peer may have served it all the same. Over datagrams the answer may be
    /// wire::error_code::busy, when the peer has session_config::served_max requests of this side under way; ask again
    /// later.
    [[nodiscard]] task<result<wire::message>> request(wire::message what, steady_time deadline);

    /// Opens a stream to a service of the peer and returns at once; stream::accepted() says whether the peer has taken
    /// it. Errors: errc::session_closed (errc::not_admitted, errc::slow_peer when it ended so), errc::too_many_streams,
    /// errc::bad_argument for a name that no service has.
    [[nodiscard]] result<stream> open_stream(std::string service);

    /// Ends the link soon: streams and requests under way fail with errc::session_closed, also those of a link that it
    /// lost a crossing to. May be called again.
    void close(wire::close_reason reason = wire::close_reason::normal);

    friend bool operator==(const session&, const session&) = default;

private:
    std::shared_ptr<detail::session_state> state_;
};

/// Answers a peer's request; what it returns is sent back. A task that throws is answered with error_code::internal. It
/// is cancelled when the peer takes the request back or the session ends.
///
/// Over datagrams it may be called more than once for one request: what is not answered in time is asked again, and an
/// answer that was sent is not kept, so when the answer was lost the repeat is served anew. (While the first call is
/// under way a repeat starts no second one.) Over every transport an asker that was cut off may ask again in another
/// session. So a request has to do the same, and be answered alike, when it comes twice: set, do not add; compare and
/// swap by a sequence number; or remember the ids that the application gives its own requests. Who needs more than that
/// uses a stream, whose bytes come once.
using request_handler = std::function<task<wire::message>(peer_info from, wire::message what)>;

}  // namespace mydht
