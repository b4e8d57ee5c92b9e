#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <mydht/core/contact.hpp>
#include <mydht/crypto/identity.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/session/session.hpp>
#include <mydht/session/session_config.hpp>
#include <mydht/session/stream.hpp>
#include <mydht/transport/datagram.hpp>
#include <mydht/transport/transport.hpp>

namespace mydht {

/// What the pool tells its owner. All called on the pool's executor, never from within a call to the pool; none may
/// throw.
struct session_events {
    /// A peer has been proven and can be asked. Not called for a link that lost a crossing.
    std::function<void(const session&)> opened;
    /// A link that was told of has ended, and why.
    std::function<void(const peer_info&, std::error_code why)> closed;
    /// A peer that was told of goes on at another address, now peer().observed; over datagrams, where it has answered a
    /// challenge.
    std::function<void(const session&, const address& before)> moved;
    /// Admission has blocked a peer for this time; at most admission_config::block_max.
    std::function<void(const peer_info&, duration time)> blocked;
    /// A socket of datagrams that listened is lost: it failed, or (errc::address_not_available) the machine has been
    /// without its address for some seconds, as when the interface has gone or is down; the latter is noticed where the
    /// transport knows the machine's addresses, as UDP does, and never at a wildcard. It is opened again at the same
    /// address until that works. Its sessions go on through another one of the same kind, or wait for this one or
    /// another to work; session_config::stall_timeout after packets stopped to come and go they end with
    /// errc::network_failed.
    std::function<void(const address& at, std::error_code why)> socket_lost;
    /// It listens again.
    std::function<void(const address& at)> socket_back;
    /// Whether somebody waits for what a request in a first packet delivers; otherwise the packet is dropped, and its
    /// sender hears nothing. Asked before it is answered, and for wire::deliver alone. Without it all are answered.
    std::function<bool(const wire::deliver&)> awaits;
};

/// What a pool has seen, for reports and tests.
struct session_counters {
    std::uint64_t dialled = 0;
    std::uint64_t accepted = 0;
    std::uint64_t handshakes_failed = 0;
    std::uint64_t evicted = 0;
    std::uint64_t crossings = 0;
    std::uint64_t replaced = 0;
    std::uint64_t idle_closed = 0;
    std::uint64_t slow_closed = 0;        ///< sessions whose peer took or acknowledged nothing for too long
    std::uint64_t violations_closed = 0;  ///< sessions whose peer broke the rules
    std::uint64_t addresses_changed = 0;  ///< datagram sessions whose peer moved
    std::uint64_t sockets_lost = 0;       ///< of datagrams, that broke or whose address went away
    std::uint64_t sockets_reopened = 0;
    std::uint64_t packets_refused = 0;    ///< datagrams that were forged, damaged, too early, too late, or for nobody
    std::uint64_t cookies_sent = 0;       ///< to strangers, before any work was done for them
    std::uint64_t packets_repeated = 0;   ///< datagrams that had come before
    std::uint64_t requests_repeated = 0;  ///< requests of ours that were sent again
    std::uint64_t requests_sent = 0;
    std::uint64_t requests_served = 0;
    std::uint64_t message_bytes_unfinished = 0;  ///< held now: bytes of large messages that have not all come
    std::uint64_t messages_cut_off = 0;          ///< large ones of peers of which the rest never came
    std::uint64_t streams_opened = 0;            ///< by this side
    std::uint64_t streams_served = 0;
    std::uint64_t streams_refused = 0;        ///< of peers: no such service, too many open, no memory
    std::uint64_t service_names_refused = 0;  ///< of peers: what is no valid_service_name()
    std::uint64_t streams_dropped = 0;        ///< broken off because the memory for streams was short
    std::uint64_t stream_frames_refused = 0;  ///< in datagrams, for lack of room; they come again
    std::uint64_t stream_frames_ignored = 0;  ///< for streams that are over
    std::uint64_t stream_bytes_unread = 0;    ///< held now: what came on streams and was not read, of all sessions
    std::uint64_t stream_bytes_unsent = 0;    ///< held now: what was written to streams and has not arrived
    std::uint64_t requests_throttled = 0;     ///< requests of peers beyond request_rate
    std::uint64_t handshakes_throttled = 0;   ///< from outside, beyond handshake_rate
    std::uint64_t not_admitted = 0;           ///< proven peers that admission did not let in
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
};

/// What came of session_pool::ask.
struct asked_peer {
    asked_peer() {}

    session over;
    /// Always there when ask() succeeded; it may be wire::error.
    std::optional<wire::message> answer;
    /// The session was there before.
    bool reused = false;
};

/// Where the addresses of a contact come from.
enum class address_source : std::uint8_t {
    heard,  ///< somebody has named them, who may have invented them
    found,  ///< the peer was found there, or the user gave them
    /// The peer is said to have named them for one answer: the first that can be dialled is tried, with a single
    /// packet, or a connection that gets no second one. session_config::probes bounds it.
    named,
};

/// The links of one node: dials, accepts, proves who is there, and keeps at most one session for each pair of
/// identities and kind of transport. All calls on the environment's executor.
class session_pool {
public:
    /// Throws std::invalid_argument naming the field when the configuration can never work.
    session_pool(environment env, std::shared_ptr<const identity> self, session_config config, request_handler handler,
                 session_events events);
    session_pool(const session_pool&) = delete;
    session_pool& operator=(const session_pool&) = delete;
    /// stop() first; what is left is terminated.
    ~session_pool();

    /// A transport to dial with, and to listen with later; one for each kind of address, the last one given counts.
    /// Throws std::invalid_argument when the configured key agreement is insecure and the transport is not simulated.
    void add_transport(any_transport with);
    /// The same for datagrams. A kind that has both is dialled as datagrams and listened at as a stream.
    void add_transport(any_datagram_transport with);

    /// Listens and accepts until stop(). Completes with the address to dial, which may have a wildcard host.
    /// Errors: errc::unsupported_address without a transport of that kind, and those of any_transport::listen.
    [[nodiscard]] task<result<address>> listen(address at);

    /// What the handshake tells peers about this node. Changes count for later handshakes.
    void describe(std::uint32_t capabilities, std::vector<address> addresses);

    /// The session with this peer: an open one, or a new one by dialling its addresses (preferred first, the next one
    /// joins in when one is slow; the first proven link wins). The identity is pinned. Calls for the same peer at the
    /// same addresses share one dial, and cancelling one call leaves the dial to the others. Errors:
    /// errc::unsupported_address when no transport can use any of the addresses, errc::identity_mismatch,
    /// errc::self_connection, errc::other_network, errc::mode_refused, errc::peer_busy, errc::not_mydht,
    /// errc::timed_out, errc::too_many_sessions, errc::not_admitted and errc::peer_blocked when admission is against
    /// the peer, errc::session_closed after stop(), errc::protocol_violation and its like, and those of
    /// any_transport::connect; with several addresses the one of the last attempt.
    [[nodiscard]] task<result<session>> connect(contact who, steady_time deadline);

    /// Asks a peer, over an open session or a new one. When it takes a new one over datagrams, a request that only
    /// reads travels in the first packet: such a packet can be caught and sent again by others, and whoever gets hold
    /// of the peer's key later can read it. session_config::lookups bounds how often addresses are dialled that were
    /// only heard of. A new session has to be there by `reached_by`: errc::unreachable when it is not, and the peer has
    /// then not seen a request that travels in no first packet. `cause`: where the neighbour was observed that has this
    /// node dial addresses which are only named; those in one network share a part of session_config::probes. Errors:
    /// errc::throttled when none may be dialled now, and those of connect and of session::request.
    [[nodiscard]] task<result<asked_peer>> ask(contact who, wire::message what, steady_time deadline,
                                               address_source source = address_source::heard,
                                               steady_time reached_by = steady_time::max(), address cause = {});

    /// The same for an address that a user gave; unpinned without `pinned`. On plain links nothing can be proven: a pin
    /// is errc::identity_mismatch there, while the id of a contact is compared with what the peer claims.
    [[nodiscard]] task<result<session>> connect_to(address where, std::optional<node_id> pinned, steady_time deadline);

    /// Finds out whether the peer is at an address that it, or somebody else, has named: dials it anew and lets go as
    /// soon as it has proven its identity; it is not told who dialled. session_config::probes bounds how often, and an
    /// IP address gets two seconds. `cause`: where the one was observed who named the address. Errors:
    /// errc::throttled, and those of connect().
    [[nodiscard]] task<result<void>> probe(node_id who, address where, steady_time deadline, address cause = {});

    /// An open session with the peer, over datagrams if there is one; empty without any.
    [[nodiscard]] session find(const node_id& peer) const;

    /// Opens a stream to a service of the peer, over the session that connect() gives. Completes when the service has
    /// taken it. Errors: those of connect() (errc::not_admitted also when the peer refuses this node),
    /// errc::no_service, errc::too_many_streams of either side, errc::bad_argument for a name that no service has,
    /// errc::timed_out, errc::stream_reset. Cancelled: the stream, if it was opened, is reset. With open_mode::at_once
    /// it does not wait for that; the first operations on the stream then give these errors.
    [[nodiscard]] task<result<stream>> open(contact who, std::string service, steady_time deadline,
                                            open_mode mode = open_mode::answered);

    /// From now on streams to this service are served by the handler, in place of the one that it may have had. Throws
    /// std::invalid_argument for a name that is not a valid_service_name() and for an empty handler.
    void serve(std::string service, service_handler handler);
    /// Nobody is served any more; those that are go on. False when there was no such service.
    bool unserve(std::string_view service);

    [[nodiscard]] std::size_t size() const noexcept;
    /// In the order of opening.
    [[nodiscard]] std::vector<session> sessions() const;
    [[nodiscard]] const session_counters& counters() const noexcept;

    /// Accepts and dials no more, ends streams, waits at most `grace` until requests under way are answered and what
    /// was answered has arrived, says goodbye on every link, then ends everything. Completes when nothing is left. May
    /// be called again.
    [[nodiscard]] task<> stop(duration grace);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace mydht
