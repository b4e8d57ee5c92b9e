#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <mydht/node/announce_options.hpp>
#include <mydht/node/calls.hpp>
#include <mydht/node/events.hpp>
#include <mydht/node/node_config.hpp>
#include <mydht/query/forwarder.hpp>
#include <mydht/query/options.hpp>
#include <mydht/query/outcome.hpp>
#include <mydht/query/request_options.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/session/session_pool.hpp>
#include <mydht/session/stream.hpp>

namespace mydht {

namespace detail {
class node_core;
}

/// How the first join went.
struct join_report {
    std::size_t bootstraps = 0;  ///< entries that were tried: bootstrap addresses and contacts of the table file
    /// Of them, those that let this node in: that answered, or keep its session without an answer.
    std::size_t reached = 0;
    std::size_t contacts = 0;  ///< in the table afterwards
    std::error_code error;     ///< why the last bootstrap that failed did so
};

/// What a node holds and has done, for people and monitoring.
struct node_status {
    std::size_t contacts = 0;
    std::size_t sessions = 0;
    store_usage stored;
    session_counters traffic;
    forward_counters forwarded;
    /// Where peers can dial this node, with what it has learnt from them.
    std::vector<address> addresses;
};

/// One member of the network: a handle on shared state that lives until its last operation has ended. Empty by default.
/// Every awaitable may be awaited on any executor: it runs on the environment's executor and completes on the caller's.
/// Cancelling one leaves the node as it was, except that a put may have reached some holders.
/// Every operation gives errc::not_running before start() and after stop() began. A node whose last handle goes is
/// stopped in the background, as far as its executor still runs. Only assignment, empty() and destruction are for an
/// empty handle.
class node {
public:
    node() = default;
    /// Throws std::invalid_argument naming the field when the configuration can never work.
    node(environment env, node_config config);

    /// Listens, then joins through the bootstrap addresses and the contacts of the table file; completes when the first
    /// attempt has ended. A bootstrap that does not answer is no error: it is tried again in the background, see
    /// join_report. Cancelled, or left by an error before it listens: the node is stopped in the background, and
    /// start() on another one may meet its addresses until stop() has completed. Cancelled later: the node runs and
    /// goes on joining. Errors: those of any_transport::listen, errc::table_file_foreign for a table file that is
    /// something else, errc::already_running, errc::not_running when it was stopped before or meanwhile. A damaged
    /// table file is logged, and replaced once the node knows somebody.
    [[nodiscard]] task<result<join_report>> start();

    /// Ends everything in two phases and completes when nothing of the node runs any more. May be called again, and
    /// also on a node that was never started. A stopped node is not started again.
    [[nodiscard]] task<> stop();

    [[nodiscard]] const node_id& id() const noexcept;
    [[nodiscard]] const public_key& key() const noexcept;
    /// Where peers can dial this node, as far as it knew when it began to listen: no wildcards. After start().
    /// What peers say since then is in status() and events().
    [[nodiscard]] const std::vector<address>& addresses() const noexcept;
    /// Which address of node_config::listen failed, when start() gave an error of any_transport::listen. After start().
    [[nodiscard]] const std::optional<address>& listen_failed_at() const noexcept;
    /// Where it is reached, with its key: what another node needs to open() a stream to this one, or to be told by
    /// other means. After start().
    [[nodiscard]] contact as_contact() const;
    [[nodiscard]] bool empty() const noexcept { return core_ == nullptr; }

    /// Stores a value on the nearest peers (and on this node, when it is among them). Completes when all of them have
    /// answered or the timeout has come. A node that keeps values succeeds with its own copy alone, also when no peer
    /// could be asked: put_report::copies_elsewhere() counts the others. Errors: errc::value_too_large and the other
    /// limits of value::check, errc::value_expired, errc::no_peers, errc::value_stale or errc::cas_mismatch when no
    /// copy was stored and holders said so (of a put that travels only this node itself can), errc::throttled,
    /// errc::peer_busy or errc::not_admitted when none was and somebody refused so, errc::timed_out, errc::peer_error;
    /// errc::answer_lost when one that travels ends without word of a copy before its time is over.
    [[nodiscard]] task<result<put_report>> put(value what, put_options options = {});

    /// Finds the value of a key: the first valid copy of an immutable one, the newest of a mutable one.
    /// Errors: errc::not_found when at least half of the peers asked answered and none has it, also when the newest is
    /// a tombstone; errc::throttled, errc::peer_busy or errc::not_admitted when nobody answered and somebody refused
    /// so; errc::no_peers, errc::timed_out. Those that travel: errc::bad_argument for an option that no peer would
    /// take, which is logged; errc::unsupported_address for direct() on a node that has no address, errc::unreachable
    /// when no peer has seen it there; errc::answer_lost when they end before their time is over without an answer, as
    /// when whoever has the value cannot bring it here. With get_options::at_least: errc::value_stale when only older
    /// versions were found.
    [[nodiscard]] task<result<get_report>> get(id256 where, get_options options = {});

    /// Signs content with `author` and puts it. Errors: those of get and put; errc::too_large for the salt;
    /// errc::bad_argument when the newest has the highest sequence that there is.
    [[nodiscard]] task<result<put_report>> publish(std::shared_ptr<const identity> author, bytes content,
                                                   publish_options options = {});
    /// Puts a tombstone over the author's value. The same errors.
    [[nodiscard]] task<result<put_report>> retract(std::shared_ptr<const identity> author,
                                                   publish_options options = {});

    /// Walks to a target and reports the nearest peers that answered. Errors: errc::no_peers; errc::throttled,
    /// errc::peer_busy or errc::not_admitted when nobody answered and somebody refused so. In another mode than
    /// iterative() it finds this peer alone, and reports it; errors then: errc::not_found and those of a get in that
    /// mode.
    [[nodiscard]] task<result<lookup_report>> lookup(id256 target, get_options options = {});

    /// Puts this node's signed record, with the addresses of one group where it can be reached, where everybody who
    /// knows its id looks for it. Ends at its lifetime unless it is announced again; a later one, also of another
    /// group, takes its place. Errors: errc::unsupported_address when the node listens at no address of the group,
    /// errc::bad_argument for a lifetime that no holder would take, errc::too_large and errc::bad_argument for the
    /// name, and those of put.
    [[nodiscard]] task<result<put_report>> announce(announce_options options = {});

    /// Finds the newest record that a peer has announced. Its addresses are for dialling, not for believing: the
    /// session proves who is there. Errors: those of get.
    [[nodiscard]] task<result<peer_record>> resolve_peer(node_id who, get_options options = {});

    /// Dials an address, with a deadline, and says who is there. Errors: those of session_pool::connect_to.
    [[nodiscard]] task<result<ping_report>> ping(address where, std::optional<node_id> pinned,
                                                 std::chrono::milliseconds timeout);

    /// Opens a stream to a service of a peer, which is found through an open session, the routing table or a lookup.
    /// Completes when the service has taken it. The stream may be used on any executor.
    /// Errors: errc::not_found when nobody knows the peer, errc::self_connection, errc::not_admitted when it does not
    /// let this node in, those of lookup() and of session_pool::open.
    [[nodiscard]] task<result<stream>> open(node_id peer, std::string service,
                                            std::chrono::milliseconds timeout = std::chrono::seconds(10));
    /// The same for a peer whose addresses are known.
    [[nodiscard]] task<result<stream>> open(contact peer, std::string service,
                                            std::chrono::milliseconds timeout = std::chrono::seconds(10));

    /// Makes one call to a service of make_call_service() and completes with the response. Does not wait for the
    /// service to take the stream before the request leaves. Errors: those of open() and exchange_call(),
    /// errc::timed_out. Cancelled: the call's stream, if it was opened, is reset, and the peer's handler cancelled.
    [[nodiscard]] task<result<bytes>> call(node_id peer, std::string service, bytes request, call_options options = {});
    /// The same for a peer whose addresses are known.
    [[nodiscard]] task<result<bytes>> call(contact peer, std::string service, bytes request, call_options options = {});

    /// Asks a service of a peer, or of whoever serves it nearest to a key, also where this node cannot reach who
    /// answers: the request goes from peer to peer in the mode of its options. To a peer it is sealed, so that those on
    /// the way see neither the service nor the body; to a key it is open. The service has to be served with
    /// serve_options::forwarded(). In iterative() mode, the usual one, the peer is called over a session, as call()
    /// does. docs/applications.md, "Requests that travel", says what is guaranteed. Errors: errc::bad_argument for a
    /// name that no service has and for options that no peer would take; errc::too_large for more than
    /// limits::request_bytes; errc::self_connection; errc::no_service when the peer serves no such requests; the
    /// application_error() of its handler, errc::peer_error when that failed otherwise; errc::peer_busy when too many
    /// run there; errc::not_found when nobody was found who answers; errc::timed_out when somebody may have, and
    /// errc::answer_lost when that is known before the deadline, as in direct() mode when whoever answered cannot reach
    /// this node; those of a get in that mode, and in iterative() mode those of call(). Cancelled: those who pass it on
    /// are told, and the handler is cancelled.
    [[nodiscard]] task<result<request_report>> request(request_target to, std::string service, bytes body,
                                                       request_options options = {});

    /// Serves the streams that peers open to this service, see service_handler. Takes the place of the handler that the
    /// service may have had; streams that it serves go on. May be called at any time and from any thread; counts at
    /// once on the node's executor, soon elsewhere. Throws std::invalid_argument for a name that is not a
    /// valid_service_name() and for an empty handler.
    void serve(std::string service, service_handler handler);
    /// The same for a service that answers calls, and requests that travel if the options say so.
    void serve(std::string service, call_service calls, serve_options options = {});
    /// Serves it no more; streams that are served go on.
    void unserve(std::string service);

    /// The contacts of the routing table, nearest to this node first.
    [[nodiscard]] task<std::vector<contact>> contacts() const;
    [[nodiscard]] task<node_status> status() const;

    /// What happens to the node from now on. At most `capacity` events wait to be taken; more push out the oldest. May
    /// be called from any thread.
    [[nodiscard]] event_stream events(std::size_t capacity = 1024) const;

private:
    std::shared_ptr<detail::node_core> core_;
};

}  // namespace mydht
