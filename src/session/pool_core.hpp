#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mydht/runtime/wait_queue.hpp>
#include <mydht/session/session_pool.hpp>
#include <mydht/transport/transport.hpp>

#include "session/admission_gate.hpp"
#include "session/arrivals.hpp"
#include "session/datagram_hub.hpp"
#include "session/dial_budget.hpp"
#include "session/session_context.hpp"
#include "session/session_state.hpp"
#include "session/stream_link.hpp"

namespace mydht::detail {

/// What a dial is for: an identity, or an address whose owner is not known yet.
struct dial_key {
    std::optional<node_id> peer;
    std::vector<address> where;  ///< sorted

    friend auto operator<=>(const dial_key&, const dial_key&) = default;
};

/// Where a dial goes.
struct dial_target {
    dial_target() {}

    dial_key key;
    std::vector<address> addresses;      ///< preferred first
    std::optional<public_key> known;     ///< of the peer, if it is known
    std::optional<wire::message> first;  ///< a request that may travel in the first packet
    address_source source = address_source::found;
    bytes cause;  ///< the network_prefix of the neighbour that has addresses dialled which it has named
    steady_time reached_by = steady_time::max();  ///< when whoever asks gives up on a new session
};

/// The body of session_pool. Kept alive by its coroutines beyond the pool's end.
class pool_core final : public session_owner, public datagram_owner, public std::enable_shared_from_this<pool_core> {
public:
    pool_core(environment env, std::shared_ptr<const identity> self, session_config config, request_handler handler,
              session_events events);

    void add_transport(any_transport with);
    void add_transport(any_datagram_transport with);
    void describe(std::uint32_t capabilities, std::vector<address> addresses);

    [[nodiscard]] static task<result<address>> listen(std::shared_ptr<pool_core> core, address at);
    [[nodiscard]] static task<result<session>> connect(std::shared_ptr<pool_core> core, dial_target to,
                                                       steady_time deadline);
    [[nodiscard]] static task<result<asked_peer>> ask(std::shared_ptr<pool_core> core, dial_target to,
                                                      wire::message what, steady_time deadline);
    [[nodiscard]] static task<result<stream>> open(std::shared_ptr<pool_core> core, task<result<session>> dial,
                                                   std::string service, steady_time deadline, open_mode mode);
    void serve(std::string service, service_handler handler);
    bool unserve(std::string_view service) { return context_->services.remove(service); }
    [[nodiscard]] static task<result<void>> probe(std::shared_ptr<pool_core> core, node_id who, address where,
                                                  steady_time deadline, bytes cause);
    [[nodiscard]] static task<> stop(std::shared_ptr<pool_core> core, duration grace);
    /// The pool dies: everything ends at once, and nobody is told.
    void abandon();

    [[nodiscard]] session find(const node_id& peer) const;
    [[nodiscard]] std::size_t size() const noexcept { return current_.size(); }
    [[nodiscard]] std::vector<session> sessions() const;
    [[nodiscard]] const session_counters& counters() const noexcept;
    [[nodiscard]] const local_party& party() const noexcept { return party_; }

private:
    struct dial;
    class dial_waiter;
    class dial_ticket;
    class handshake_ticket;
    class admission_ticket;
    struct turns;
    using session_ptr = std::shared_ptr<session_state>;

    /// The links as they are now, for loops in which some end.
    [[nodiscard]] std::vector<session_ptr> links() const;
    void session_left(session_state& which, std::error_code why) override;
    void session_moved(session_state& which, const address& before) override;
    void session_ended(session_state& which) override;
    void too_much_waits() override;
    void proven(proven_ptr link) override;
    void socket_lost(const address& at, std::error_code why) override;
    void socket_back(const address& at) override;
    [[nodiscard]] bool dials(const node_id& peer, address_kind kind) const override;
    [[nodiscard]] bool may_begin_handshake(const address& from) override;
    [[nodiscard]] bool may_begin_unproven(const address& from) override;
    [[nodiscard]] bool admits_early(const node_id& peer, const address& from) const override;
    [[nodiscard]] bool awaits(const wire::deliver& what) const override;
    /// Ends the sessions with the most waiting until all together have no more than they may.
    void shed();

    // Links (pool_core.cpp).
    [[nodiscard]] session_ptr find_current(const node_id& peer, address_kind kind) const;
    /// Opens the session of the link and starts it.
    [[nodiscard]] result<session_ptr> keep(proven_ptr link, std::uint8_t priority);
    void make_current(const session_ptr& which);
    /// False when the session that would have to go has a higher priority than the new one.
    [[nodiscard]] bool make_room(std::uint8_t priority);
    /// There are as many sessions as may be.
    [[nodiscard]] bool full() const;
    [[nodiscard]] std::optional<session_ptr> least_useful_session() const;
    /// Links that have not begun to close; those that lost a crossing are among them while their streams last.
    [[nodiscard]] std::vector<session_ptr> living() const;
    [[nodiscard]] result<session> establish_dialled(proven_ptr link, std::uint8_t priority);
    void establish_accepted(proven_ptr link, std::uint8_t priority);
    /// Of the links that lost a crossing a peer keeps only the last one.
    void close_retired(const peer_info& peer, const char* why);
    void resolve_crossing(const session_ptr& older, const session_ptr& fresh);
    void tell(std::function<void(const session_events&)> what);

    // Who is let in (admitting.cpp).

    /// The priority that admission gives the peer of a link, which must stay until then. Errors: errc::not_admitted,
    /// also when nothing is decided by the deadline; errc::peer_blocked.
    [[nodiscard]] static task<result<std::uint8_t>> admit(std::shared_ptr<pool_core> core, const proven_link& link,
                                                          steady_time deadline);
    /// The same without asking the application; nothing when that has to be asked.
    [[nodiscard]] std::optional<result<std::uint8_t>> known_verdict(const proven_link& link) const;
    void note_refusal(const proven_link& link, std::error_code why);
    [[nodiscard]] static task<result<std::uint8_t>> ask_application(std::shared_ptr<pool_core> core, peer_info who);
    /// What the end of the handshake of an incoming link leads to: a session, or a goodbye.
    [[nodiscard]] static task<> let_in(std::shared_ptr<pool_core> core, proven_ptr link, steady_time deadline);
    [[nodiscard]] static task<> wait_for_verdict(admission_ticket ticket, proven_ptr link);
    void turn_away(proven_ptr link, std::error_code why);
    void block(const peer_info& who, duration time);
    /// Leaves of the addresses those that admission is not against. Errors: errc::not_admitted and errc::peer_blocked
    /// when none is left.
    [[nodiscard]] result<void> may_dial(const node_id& peer, std::vector<address>& addresses) const;

    // From the first byte to the proven peer (handshaking.cpp).
    [[nodiscard]] static task<result<void>> exchange(stream_link& link, arrival* from);
    [[nodiscard]] static task<result<proven_ptr>> attempt(std::shared_ptr<pool_core> core, any_transport with,
                                                          address to, std::optional<node_id> pinned);
    [[nodiscard]] static task<result<proven_ptr>> receive(std::shared_ptr<pool_core> core, any_connection connection,
                                                          arrival& place);
    [[nodiscard]] static task<> accept_loop(std::shared_ptr<pool_core> core, std::shared_ptr<any_listener> listener);
    [[nodiscard]] static task<> accept_one(handshake_ticket ticket, any_connection connection);

    // Dials (dialling.cpp).
    [[nodiscard]] static task<result<asked_peer>> reach(std::shared_ptr<pool_core> core, dial_target to,
                                                        steady_time deadline);
    [[nodiscard]] std::shared_ptr<dial> join_dial(dial_target to);
    [[nodiscard]] static task<> run_dial(dial_ticket ticket, dial_target to);
    [[nodiscard]] static task<result<proven_ptr>> try_addresses(std::shared_ptr<pool_core> core,
                                                                std::shared_ptr<const dial_target> to);
    /// What a dial of this address counts against; nullptr when it does not count.
    [[nodiscard]] dial_budget* budget_for(const dial_target& to, const address& where);
    [[nodiscard]] static task<result<proven_ptr>> attempt_in_turn(std::shared_ptr<pool_core> core,
                                                                  std::shared_ptr<turns> turn, std::size_t index,
                                                                  std::shared_ptr<const dial_target> to);
    /// By datagrams where they are spoken; `doubtful` as in dial_datagrams.
    [[nodiscard]] static task<result<proven_ptr>> attempt_at(std::shared_ptr<pool_core> core, address where,
                                                             std::shared_ptr<const dial_target> to,
                                                             std::function<void()> doubtful);
    [[nodiscard]] bool can_dial(const address& where) const;
    void finish_dial(const dial_key& key, const std::shared_ptr<dial>& which, result<session> outcome);
    void fail_dials();
    void answer_dials(const session_ptr& which);
    [[nodiscard]] any_transport transport_for(const address& where) const;

    std::shared_ptr<session_context> context_;
    local_party party_;
    session_events events_;
    std::map<address_kind, any_transport> transports_;
    std::shared_ptr<datagram_hub> datagrams_;
    std::list<std::shared_ptr<any_listener>> listeners_;
    std::map<std::uint64_t, session_ptr> links_;  // all that have not ended, by their number
    std::uint64_t links_made_ = 0;
    std::map<std::pair<node_id, address_kind>, session_ptr> current_;
    std::map<dial_key, std::shared_ptr<dial>> dials_;
    admission_gate gate_;
    dial_budget probes_;
    dial_budget heard_;           // dials of addresses that answers to lookups have named
    std::size_t admissions_ = 0;  // of links over datagrams that wait for the application
    arrivals arrivals_;
    wait_queue handshake_ended_;
    wait_queue link_ended_;
    bool shedding_ = false;  // shed() comes soon
    bool stopping_ = false;
};

}  // namespace mydht::detail
