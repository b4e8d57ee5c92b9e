#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <mydht/crypto/service_request.hpp>
#include <mydht/runtime/clock.hpp>
#include <mydht/value/namespaces.hpp>
#include <mydht/wire/message.hpp>

#include "query/branches.hpp"
#include "query/purposes.hpp"

namespace mydht::detail {

/// What comes together for one forwarded query at one peer: from its own store and table, and from the peers behind it.
/// Everything is judged before it is passed on. A plain value.
class gathering {
public:
    /// The references must outlive it. Whoever has something brings it to the asker when the query has a ticket.
    /// `reader`: contacts go to somebody in a network of this scope, who shall not hear of narrower ones.
    gathering(const wire::forward& query, const namespaces& rules, const time_source& time, address_scope reader);

    /// It is the query of somebody else, who gets also values of namespaces that this node does not know.
    void passes_on() { found_.comes_through_others(true); }

    /// How the answer of a peer behind this one is to be taken.
    enum class judgement : std::uint8_t {
        ended,      ///< the path came to something or to a dead end
        unvisited,  ///< the peer did nothing with the query but to give what it has
        unclear,    ///< it lied: nobody knows what it did
    };
    struct judged {
        judgement how = judgement::ended;
        std::size_t used = 0;  ///< results that the path came to, or may still come to
        bool brought = false;  ///< it came to something
        /// It leads where others do not: what it came to is in its answer, which is more than word that something was
        /// kept or brought elsewhere, and is newer than what was here when it may have versions.
        bool proven = false;
    };
    /// `path`: what was asked of the peer; it cannot come to more.
    [[nodiscard]] judged take(wire::message answer, const branch& path);
    /// The peer gave no answer. `asked`: it may have done something with the query.
    void missed(bool asked = true) { cut_off_ = cut_off_ || asked || wish_ != wish::replies; }
    /// Answers are brought here by whoever has them: a ticket of this peer's own goes out with the query.
    void collects() { deliveries_ = deliveries::by_anybody; }
    /// Somebody may deliver this for this query; otherwise it is for another one.
    [[nodiscard]] bool concerns(const wire::gathered& what) const;
    /// Somebody behind this one, who may be anybody, delivers something. False when it is a lie, or for another query:
    /// it counts as a lie when lied() says so.
    [[nodiscard]] bool take_delivery(const node_id& from, wire::gathered what);
    void lied() { ++lies_; }

    /// At the asker of a request: what else a reply has to be. Who brings one that is not could not know.
    void opens_replies_with(std::function<bool(const signed_reply&)> opens) { opens_ = std::move(opens); }
    void take_item(item what);
    /// One of the items is a cached copy with so long to live; 0: none is.
    void take_copy_left(std::chrono::milliseconds left);
    void take_contact(contact who);
    void kept_here() {
        ++copies_;
        own_ = true;
    }
    /// A peer would not be asked, see refusal_in().
    void refused(std::error_code why) { refusal_ = why; }
    /// What was here has been brought to the asker; `all` that there can be.
    void brought(bool all) {
        ++delivered_;
        complete_ = complete_ || all;
    }

    /// Of a value, the newest only: at peers on the way, which need no history.
    void keeps_newest(std::size_t count) { found_.keep_most(count); }
    /// Bytes of the values and replies in it.
    [[nodiscard]] std::size_t bytes_held() const noexcept;

    /// The newest of the values that have not been handed over; null when there is none.
    [[nodiscard]] const find_copies::candidate* not_handed_over() const;
    /// The value was, so that it is not in the answer.
    void handed_over(const rank& which) { handed_over_.push_back(which); }

    /// Paths that came to nothing.
    [[nodiscard]] std::size_t nothing() const noexcept { return nothing_; }
    /// Something has come together.
    [[nodiscard]] bool any() const noexcept;
    /// It is one of an author's versions, and there may be newer ones.
    [[nodiscard]] bool may_be_old() const;
    /// Nothing more needs to be asked for.
    [[nodiscard]] bool enough() const;
    /// Peers that say they keep the item of a put.
    [[nodiscard]] std::size_t copies() const noexcept { return copies_; }
    /// One of the copies is this peer's own.
    [[nodiscard]] bool own() const noexcept { return own_; }
    /// How the last one refused, when nobody answered.
    [[nodiscard]] std::error_code refusal() const noexcept { return answered_ ? std::error_code() : refusal_; }
    /// What was brought to the asker, as this peer knows or those behind it say. Not what comes here, which it has.
    [[nodiscard]] std::size_t delivered() const noexcept { return delivered_; }
    /// Somebody would not have the query as it is.
    [[nodiscard]] bool turned_down() const noexcept { return turned_down_; }
    /// Answers that nobody may give.
    [[nodiscard]] std::size_t lies() const noexcept { return lies_; }
    /// What only this node can see to be of no use: nobody lied who passed it on.
    [[nodiscard]] std::size_t unfit() const noexcept { return unopened_ + found_.unfit(); }

    /// How long the items may still be cached, if one of them is a cached copy; otherwise 0.
    [[nodiscard]] std::chrono::milliseconds copy_left() const;
    /// What the asker is told: the newest values first, as many as it wanted.
    [[nodiscard]] wire::gathered answer() const;

private:
    enum class wish : std::uint8_t { contacts, values, copies, replies };
    /// Where what is found goes ahead of answers.
    enum class deliveries : std::uint8_t {
        none,
        elsewhere,   // straight to the asker
        by_asked,    // here, from the peers that are asked
        by_anybody,  // here, from whoever has something
    };

    [[nodiscard]] judged take_again(wire::gathered& got, const branch& path);
    void take_reply(item what);

    [[nodiscard]] std::vector<const find_copies::candidate*> newest_first() const;
    [[nodiscard]] std::optional<rank> newest() const;
    [[nodiscard]] bool is_proven(const judged& step, const std::optional<rank>& before) const;
    [[nodiscard]] bool cannot_be(const wire::gathered& answer, const branch& path) const;
    [[nodiscard]] std::size_t delivered_by(const node_id& peer) const;
    bool take_claim(std::size_t claimed);
    void take_lists(wire::gathered& from);

    wish wish_ = wish::values;
    deliveries deliveries_ = deliveries::none;
    bool along_;  // peers on the way may keep copies
    const time_source& time_;
    address_scope reader_;
    wire::kind_mask kinds_ = 0;  // of addresses that the asker can dial
    std::optional<steady_time> copies_end_;
    id256 target_;
    std::size_t results_;
    find_copies found_;
    std::vector<contact> contacts_;
    bool sealed_ = false;  // for the target alone
    id256 question_;
    std::function<bool(const signed_reply&)> opens_;
    std::vector<item> replies_;
    std::vector<public_key> answerers_;
    std::vector<rank> handed_over_;
    std::size_t copies_ = 0;
    std::size_t nothing_ = 0;
    std::size_t delivered_ = 0;
    std::map<node_id, std::size_t> came_by_;  // deliveries that came here
    std::size_t came_ = 0;
    std::size_t claimed_ = 0;  // that came here, as the peers that were asked say
    std::size_t lies_ = 0;
    std::size_t unopened_ = 0;  // replies
    std::error_code refusal_;
    bool answered_ = false;
    bool own_ = false;
    bool cut_off_ = false;
    bool complete_ = false;
    bool turned_down_ = false;
};

/// Where a forwarded query goes.
[[nodiscard]] const id256& target_of(const wire::forward& query) noexcept;

}  // namespace mydht::detail
