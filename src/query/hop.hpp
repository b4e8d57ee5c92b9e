#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include <mydht/crypto/asker_ticket.hpp>
#include <mydht/runtime/task_group.hpp>

#include "query/branches.hpp"
#include "query/forwarding_state.hpp"
#include "query/gathering.hpp"
#include "query/step_log.hpp"

namespace mydht::detail {

/// One query at one peer, which may be the asker: look here, send it on, take what comes back.
class hop {
public:
    /// `from`: who sent it; nobody for a query of the node's own.
    hop(std::shared_ptr<forwarding_state> in, wire::forward query, std::optional<peer_info> from, steady_time deadline);
    hop(const hop&) = delete;
    hop& operator=(const hop&) = delete;

    /// What comes together is charged there.
    void counts_in(query_place& place) { place_ = &place; }
    /// It is a peer's query, known as that visit until then.
    void serves(const id256& visit, steady_time known_until) {
        visit_ = visit;
        known_until_ = known_until;
        found_.keeps_newest(versions_passed);
    }
    /// Whoever has something brings it there instead of answering with it.
    void answers_go_to(asker_ticket ticket) { ticket_ = std::move(ticket); }
    /// Each new value goes there at once, and then is not in the answer.
    void tell(std::function<void(item)> on_item) { on_item_ = std::move(on_item); }
    /// What becomes of each peer that it is sent to is written down and counted there.
    void write_down(step_log into, forward_tally& peers) {
        log_.emplace(into);
        tally_ = &peers;
    }
    /// See forwarder::request.
    void opens_replies_with(std::function<bool(const signed_reply&)> opens) {
        found_.opens_replies_with(std::move(opens));
    }

    /// Completes with what came together until the deadline. Cancelled: the peers that it was sent to are told.
    [[nodiscard]] task<wire::gathered> run();

    /// The query came by before: completes with what is here, and it goes no farther.
    [[nodiscard]] task<wire::gathered> look_again();

    /// Leaves copies of what was found for others here, when their query asks for that.
    [[nodiscard]] task<> cache(const wire::gathered& found);

    /// Everybody has answered.
    [[nodiscard]] bool complete() const noexcept { return complete_; }
    /// Why this peer's own store does not keep the value of a put.
    [[nodiscard]] std::error_code not_kept() const noexcept { return not_kept_; }
    [[nodiscard]] const gathering& found() const noexcept { return found_; }

private:
    struct sent_branch;
    struct arrival;
    struct mailbox;
    /// Values of one key that a peer on the way remembers: a new one, and one that may be newer than it.
    static constexpr std::size_t versions_passed = 2;

    [[nodiscard]] static task<> send_to(std::shared_ptr<messenger> via, sent_branch to, wire::forward query,
                                        steady_time deadline, std::shared_ptr<mailbox> into);
    [[nodiscard]] static task<> hand_to(std::shared_ptr<messenger> via, contact to, wire::deliver what,
                                        steady_time deadline, std::shared_ptr<mailbox> into);

    [[nodiscard]] task<> look_here();
    [[nodiscard]] std::optional<contact> linked_target() const;
    [[nodiscard]] task<> name_linked();
    [[nodiscard]] task<> keep_here();
    [[nodiscard]] bool is_served_here() const;
    [[nodiscard]] task<> serve_here();
    [[nodiscard]] task<> send_on();
    [[nodiscard]] std::vector<contact> known_here() const;
    [[nodiscard]] bool send_more(branches& out, const wire::forward& onward, collection& brought, task_group& into,
                                 const std::shared_ptr<mailbox>& box);
    void one_copy_less();
    void take(branches& out, arrival got);
    void settle(branches& out, arrival got);
    query_step* note(const arrival& got);
    void count(std::size_t forward_tally::*which) {
        if (tally_ != nullptr) ++(tally_->*which);
    }
    void learn(const node_id& peer, const gathering::judged& step);
    [[nodiscard]] bool has_room();
    void hand_back(task_group& into, const std::shared_ptr<mailbox>& box);
    void handed_back(bool taken);
    [[nodiscard]] task<> bring(wire::gathered what);
    [[nodiscard]] bool goes_on() const;
    [[nodiscard]] bool may_pass_on(const contact& to);
    [[nodiscard]] bool may_keep(bool ends) const;
    [[nodiscard]] bool is_left_to_keep() const;
    [[nodiscard]] wire::gathered answer() const;
    [[nodiscard]] bool is_left_to_serve() const;
    [[nodiscard]] wire::forward onward_query();
    [[nodiscard]] bool is_nothing(const branches& out) const;
    [[nodiscard]] bool passes_silent_ones() const;
    [[nodiscard]] bool could_serve() const;
    [[nodiscard]] bool go_past(branches& out);
    [[nodiscard]] steady_time patience() const;
    [[nodiscard]] const peer_info* from() const { return from_ ? &*from_ : nullptr; }
    [[nodiscard]] travelling what() const { return {query_, from()}; }

    std::shared_ptr<forwarding_state> in_;
    wire::forward query_;
    std::optional<peer_info> from_;
    steady_time deadline_;
    std::optional<asker_ticket> ticket_;
    std::function<void(item)> on_item_;
    gathering found_;
    std::optional<step_log> log_;
    query_place* place_ = nullptr;
    id256 visit_;
    steady_time known_until_;
    bool hands_back_;
    std::optional<crossings::place> going_on_;
    std::optional<rank> handing_;  // the value that is on its way back
    bool kept_ = false;
    bool kept_before_ = false;  // and said so
    std::error_code not_kept_;
    bool ended_ = false;
    bool served_ = false;
    bool begun_ = false;    // a handler, for this query
    bool patient_ = false;  // there is nobody else to ask
    bool complete_ = true;
    forward_tally* tally_ = nullptr;
};

}  // namespace mydht::detail
