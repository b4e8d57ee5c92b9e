#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mydht/node/node.hpp>
#include <mydht/query/query_engine.hpp>
#include <mydht/query/responder.hpp>
#include <mydht/runtime/task_group.hpp>
#include <mydht/runtime/wait_queue.hpp>
#include <mydht/session/session_pool.hpp>

#include <mydht/core/recent_map.hpp>
#include "node/address_vote.hpp"
#include "node/event_hub.hpp"
#include "node/neighbours.hpp"

namespace mydht::detail {

/// All state of one node, touched on its executor only. The handles share it, and so does every operation under way: it
/// lives until the last of them has ended.
class node_core : public std::enable_shared_from_this<node_core> {
public:
    enum class phase : std::uint8_t { idle, starting, running, stopping, stopped };

    node_core(environment env, node_config config);

    // The operations of mydht::node. Coroutines that take the core along, since a handle may go before they begin.
    static task<result<join_report>> start(std::shared_ptr<node_core> self);
    static task<> stop(std::shared_ptr<node_core> self);
    static task<result<put_report>> put(std::shared_ptr<node_core> self, value what, put_options options);
    static task<result<get_report>> get(std::shared_ptr<node_core> self, id256 where, get_options options);
    static task<result<put_report>> publish(std::shared_ptr<node_core> self, std::shared_ptr<const identity> author,
                                            std::optional<bytes> content, publish_options options);
    static task<result<lookup_report>> lookup(std::shared_ptr<node_core> self, id256 target, get_options options);
    static task<result<ping_report>> ping(std::shared_ptr<node_core> self, address where, std::optional<node_id> pinned,
                                          std::chrono::milliseconds timeout);
    static task<result<stream>> open(std::shared_ptr<node_core> self, node_id peer, std::string service,
                                     std::chrono::milliseconds timeout);
    static task<result<stream>> open_at(std::shared_ptr<node_core> self, contact peer, std::string service,
                                        std::chrono::milliseconds timeout);
    static task<result<bytes>> call(std::shared_ptr<node_core> self, node_id peer, std::string service, bytes request,
                                    call_options options);
    static task<result<bytes>> call_at(std::shared_ptr<node_core> self, contact peer, std::string service,
                                       bytes request, call_options options);
    static task<result<request_report>> request(std::shared_ptr<node_core> self, request_target to, std::string service,
                                                bytes body, request_options options);
    /// `travelling`: answers requests that travel.
    static void serve(const std::shared_ptr<node_core>& self, std::string service, service_handler handler,
                      std::optional<call_service> travelling);
    static void unserve(const std::shared_ptr<node_core>& self, std::string service);
    static task<result<put_report>> announce(std::shared_ptr<node_core> self, announce_options options);
    static task<result<peer_record>> resolve_peer(std::shared_ptr<node_core> self, node_id who, get_options options);
    static task<std::vector<contact>> contacts(std::shared_ptr<node_core> self);
    static task<node_status> status(std::shared_ptr<node_core> self);
    static event_stream events(std::shared_ptr<node_core> self, std::size_t capacity);

    /// The last handle is gone: ends what runs, without anybody who waits for it. Any thread.
    static void abandon(std::shared_ptr<node_core> self);

    /// Asks a peer over a session that is there or is made now, and tells the table how it went.
    static task<result<reply>> ask(std::shared_ptr<node_core> self, contact to, wire::message what,
                                   steady_time deadline);
    /// Brings a peer what was found for its query.
    static task<result<reply>> hand(std::shared_ptr<node_core> self, contact to, wire::deliver what,
                                    steady_time deadline, handing how);

    [[nodiscard]] const environment& env() const noexcept { return env_; }
    [[nodiscard]] const identity& self() const noexcept { return *self_; }
    [[nodiscard]] const std::vector<address>& addresses() const noexcept { return addresses_; }
    [[nodiscard]] const std::optional<address>& listen_failed_at() const noexcept { return listen_failed_at_; }
    [[nodiscard]] contact as_contact() const;

private:
    class operation;  // operation.hpp
    class starting_guard;
    class entry_ticket;
    struct entering;

    // services.cpp
    [[nodiscard]] task<result<contact>> locate(node_id peer, steady_time deadline);
    [[nodiscard]] task<result<stream>> open_stream(contact peer, std::string service, steady_time deadline,
                                                   open_mode mode = open_mode::answered);
    [[nodiscard]] task<result<bytes>> exchange(contact peer, std::string service, bytes request, call_options options,
                                               steady_time deadline);

    // requests.cpp
    [[nodiscard]] task<result<request_report>> request_near(request_target to, std::string service, bytes body,
                                                            request_options options);
    [[nodiscard]] task<result<contact>> key_of(node_id peer, const request_options& options, steady_time deadline);

    // join.cpp
    [[nodiscard]] task<join_report> join(std::vector<contact> saved);
    /// errc::table_file_foreign when the file is something else, which must not be overwritten.
    [[nodiscard]] task<result<std::vector<contact>>> saved_contacts();
    [[nodiscard]] task<> enter_through(location where, steady_time deadline, entry_ticket ticket);
    [[nodiscard]] task<result<void>> let_in_over(session link, steady_time deadline);
    [[nodiscard]] task<> enter_through_saved(contact who, steady_time deadline, entry_ticket ticket);
    [[nodiscard]] task<> fill_table(steady_time deadline);
    [[nodiscard]] task<> look_up(id256 target, steady_time deadline);
    [[nodiscard]] task<> keep_joining();

    // upkeep.cpp
    [[nodiscard]] duration jittered(duration interval);
    [[nodiscard]] task<> keep_neighbours();
    [[nodiscard]] task<> upkeep();
    /// Sessions for requests that travel to a service of this node, which nobody may be able to dial.
    [[nodiscard]] task<> keep_ways_in();
    void warn_of_no_way_in();
    [[nodiscard]] task<> drop_expired();
    [[nodiscard]] task<> save_contacts();

    [[nodiscard]] task<result<void>> listen();
    [[nodiscard]] task<> check(contact who);
    /// One more than the newest that is found, tombstones among them; 1 when there is none.
    void note_walk(const id256& target, const lookup_report& what);
    [[nodiscard]] task<result<std::uint64_t>> next_sequence(id256 where, std::chrono::milliseconds timeout);

    // announcing.cpp
    [[nodiscard]] task<result<peer_record>> find_record(node_id who, get_options options);

    // observing.cpp
    [[nodiscard]] session_events pool_events();
    void opened(const session& link);
    void closed(const peer_info& who, std::error_code why);
    void blocked(const peer_info& who, duration time);
    void socket_changed(node_event::kind what, const address& at, std::error_code why);
    /// A peer that came again from another host has moved.
    void note_place(const peer_info& who);
    void moved(const peer_info& who, const address& before);
    /// Dials a peer where it says it is.
    [[nodiscard]] task<> verify(peer_info who, address where);
    /// Asks a peer where it sees this node.
    [[nodiscard]] task<> ask_how_seen(session link);
    /// Tells peers and the application where this node can be reached now.
    void tell_addresses();
    void close_events();

    void begin_stop();
    [[nodiscard]] static task<> shut_down(std::shared_ptr<node_core> self);
    [[nodiscard]] query_origin origin();
    [[nodiscard]] forward_origin travel_origin();
    [[nodiscard]] bool has_seen(const peer_info& who, const address& where) const;
    [[nodiscard]] bool is_asked_of_this(const wire::forward& query) const;
    [[nodiscard]] task<wire::message> answer_peer(peer_info from, wire::message what);
    [[nodiscard]] contact self_contact() const;
    [[nodiscard]] bool keeps_values() const;
    void log(log_level level, std::string_view line) const { env_.log.write(level, "node", line); }
    void log_escaped(std::string_view name) const;

    environment env_;
    node_config config_;
    std::shared_ptr<const identity> self_;
    bool local_only_;
    phase phase_ = phase::idle;
    std::vector<address> listening_;
    std::vector<address> addresses_;  // when it began to listen; read from other threads
    std::vector<address> reachable_;  // now
    std::optional<address> listen_failed_at_;
    std::uint64_t announced_ = 0;                                    // the sequence of the last record
    recent_map<std::pair<node_id, address_kind>, address> seen_at_;  // where peers were last, by kind of transport
    address_vote vote_;
    std::map<std::string, call_service, std::less<>> travelling_services_;
    event_hub events_;

    any_store values_;
    any_routing_table table_;
    responder answers_;
    session_pool pool_;
    forwarder forwarding_;
    query_engine queries_;
    neighbours neighbours_;
    task_group background_;
    task_group last_words_;
    std::size_t operations_ = 0;
    std::size_t joins_ = 0;
    wait_queue operations_ended_;
    wait_queue stop_ended_;
    wait_queue join_ended_;
    wait_queue ways_in_wanted_;
    bool warned_of_no_way_in_ = false;
};

}  // namespace mydht::detail
