#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include <mydht/transport/datagram.hpp>
#include <mydht/wire/packet.hpp>

#include "session/datagram_port.hpp"
#include "session/message_assembly.hpp"
#include "session/proven_link.hpp"
#include "session/rate_meter.hpp"
#include "session/reset_tokens.hpp"
#include "session/stream_handshake.hpp"

namespace mydht::detail {

class datagram_session;
class datagram_attempt;
class datagram_responder;

/// Who is told of peers that have proven themselves on datagrams.
class datagram_owner {
public:
    datagram_owner() = default;
    datagram_owner(const datagram_owner&) = delete;
    datagram_owner& operator=(const datagram_owner&) = delete;

    virtual void proven(proven_ptr link) = 0;
    /// A stranger may begin a handshake now; counts it.
    [[nodiscard]] virtual bool may_begin_handshake(const address& from) = 0;
    /// The same for a source that may not be there: false when it should prove itself first.
    [[nodiscard]] virtual bool may_begin_unproven(const address& from) = 0;
    /// The peer is let in without a question, so that a request in its first packet may be answered.
    [[nodiscard]] virtual bool admits_early(const node_id& peer, const address& from) const = 0;
    /// Somebody waits for it; otherwise the packet that brings it is not answered.
    [[nodiscard]] virtual bool awaits(const wire::deliver& what) const = 0;
    /// A socket that listened is broken; socket_back() when it works again.
    virtual void socket_lost(const address& at, std::error_code why) = 0;
    virtual void socket_back(const address& at) = 0;
    /// This side dials the peer over datagrams now.
    [[nodiscard]] virtual bool dials(const node_id& peer, address_kind kind) const = 0;

protected:
    ~datagram_owner() = default;
};

/// The sockets of datagrams of one node, and who its packets are for. All sessions share its scratch memory.
class datagram_hub final : public packet_sink, public std::enable_shared_from_this<datagram_hub> {
public:
    /// `party` and `owner` must live until stop().
    datagram_hub(std::shared_ptr<session_context> context, const local_party& party, datagram_owner& owner);
    ~datagram_hub();

    void add_transport(any_datagram_transport with);
    [[nodiscard]] bool speaks(address_kind kind) const { return transports_.contains(kind); }

    /// Opens a socket and answers at it. Errors: those of any_datagram_transport::open.
    [[nodiscard]] static task<result<address>> listen(std::shared_ptr<datagram_hub> self, address at);
    /// A socket that packets to this address can leave from: one that listens, so that the peer sees where this node
    /// can be reached; otherwise one that is opened for it.
    [[nodiscard]] static task<result<std::shared_ptr<datagram_port>>> port_towards(std::shared_ptr<datagram_hub> self,
                                                                                   address to);

    /// No new peers, no new dials; sessions go on.
    void refuse_new() noexcept { refuses_ = true; }
    [[nodiscard]] bool stopped() const noexcept { return refuses_; }
    /// Closes all sockets.
    void stop();

    // Who packets are for.
    void add(datagram_session& which);
    void forget(datagram_session& which) noexcept;
    /// The keys of the session have changed: it is found by the new ones too. `old_token`: what the peer would have
    /// reset it with before.
    void follow(datagram_session& which, const wire::reset_token& old_token);
    /// Gives the attempt an index of its own until it is forgotten.
    [[nodiscard]] std::uint32_t add(datagram_attempt& which);
    void forget(datagram_attempt& which) noexcept;
    /// A handshake of this side with that address is under way.
    [[nodiscard]] bool attempts(const address& with) const;

    void take_packet(const std::shared_ptr<datagram_port>& at, const address& from, bytes_span packet) override;
    void refused(const address& by) override;
    void batch_ended() override;
    void turn_ended() override;
    void port_lost(const std::shared_ptr<datagram_port>& at, steady_time since, std::error_code why) override;
    void port_back(const std::shared_ptr<datagram_port>& at) override;
    /// Another port for a session whose own is broken; until there is one the session waits.
    void find_way(datagram_session& which);

    /// An index that nothing has.
    [[nodiscard]] std::uint32_t unused_index();
    /// Calls after_batch() of the session soon: when all packets that came together have been taken.
    void touch(datagram_session& which);
    /// Serves a request that came in a packet, when all that came together have been taken.
    void serve(task_handle& handle, task<> work);
    /// Somebody who waited for an answer goes on soon, and may ask again.
    void note_woken() noexcept { ++woken_; }

    /// While packets are taken, and while those go on who waited for what was in them, small messages share packets.
    [[nodiscard]] bool gathers() const noexcept { return gathers_; }
    /// Puts a frame into the packet that leaves when that is over, or when no more fits.
    void gather(datagram_session& of, bytes_view frame);
    /// Sends it now if it is of that session.
    void send_gathered(const datagram_session& of);

    /// Memory in which packets are put together, one at a time; the second one for several that leave together.
    [[nodiscard]] bytes& scratch() noexcept { return scratch_; }
    [[nodiscard]] bytes& batch() noexcept { return batch_; }
    /// What all sessions may hold of messages that are not complete.
    [[nodiscard]] assembly_budget& assembly() noexcept { return assembly_; }
    [[nodiscard]] const std::shared_ptr<session_context>& context() const noexcept { return context_; }
    [[nodiscard]] const local_party& party() const noexcept { return *party_; }
    [[nodiscard]] datagram_owner& owner() const noexcept { return *owner_; }
    [[nodiscard]] datagram_session* find(std::uint32_t index) const;
    [[nodiscard]] wire::reset_token token_for(std::uint32_t own_index) const { return tokens_.token_for(own_index); }
    [[nodiscard]] datagram_responder& responder() noexcept { return *responder_; }

private:
    using sessions_by_age = std::vector<std::shared_ptr<datagram_session>>;

    void take_transport(const std::shared_ptr<datagram_port>& at, const address& from, bytes_span packet);
    [[nodiscard]] std::shared_ptr<datagram_port> working_port(const address& towards) const;
    [[nodiscard]] bool listens(const datagram_port& at) const noexcept;
    /// Those sessions of which `wanted` is true.
    [[nodiscard]] sessions_by_age sessions_that(const std::function<bool(const datagram_session&)>& wanted) const;
    /// Sessions that have been without a port since then.
    void find_ways(const sessions_by_age& of, steady_time since);
    /// Opens sockets for those of them that still wait.
    [[nodiscard]] static task<> open_ways(std::shared_ptr<datagram_hub> self, sessions_by_age of);
    /// The port works, for the first time or again: sessions that waited for one go on through it.
    void port_works(const std::shared_ptr<datagram_port>& at);
    void take_reset(const address& from, bytes_view packet);
    void flush();
    void serve_all();
    void send_gathered();
    void end_gathering();
    void tell_reset(const std::shared_ptr<datagram_port>& at, const address& from, bytes_view packet);

    std::shared_ptr<session_context> context_;
    const local_party* party_;
    datagram_owner* owner_;
    std::map<address_kind, any_datagram_transport> transports_;
    std::list<std::shared_ptr<datagram_port>> listening_;
    std::list<std::shared_ptr<datagram_port>> dialling_;
    std::unordered_map<std::uint32_t, datagram_session*> sessions_;
    std::unordered_map<std::uint32_t, datagram_attempt*> attempts_;
    /// By the token that the peer would reset it with.
    std::map<wire::reset_token, datagram_session*> by_token_;
    reset_tokens tokens_;
    assembly_budget assembly_;
    std::unique_ptr<datagram_responder> responder_;
    struct ready_request {
        task_handle* handle;
        task<> work;
    };

    std::vector<std::shared_ptr<datagram_session>> touched_;
    std::vector<ready_request> ready_;
    bytes gathered_;                           // a packet without its header's content, or nothing
    datagram_session* gathered_of_ = nullptr;  // whose
    bytes scratch_;
    bytes batch_;
    rate_meter resets_;
    bool in_batch_ = false;     // batch_ended() comes
    bool flush_comes_ = false;  // flush() comes
    bool gathers_ = false;      // end_gathering() comes
    bool end_comes_ = false;    // was posted
    std::size_t woken_ = 0;     // who waited for an answer, in this turn
    bool refuses_ = false;
};

}  // namespace mydht::detail
