#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <vector>

#include <mydht/runtime/clock.hpp>
#include <mydht/value/namespaces.hpp>
#include <mydht/wire/message.hpp>

#include "query/purposes.hpp"

namespace mydht::detail {

/// What comes together for one forwarded query at one peer: from its own store and table, and from the peers behind it. Everything
/// is judged before it is passed on. A plain value.
class gathering {
public:
    /// The references must outlive it.
    gathering(const wire::forward& query, const namespaces& rules, const time_source& time);

    /// How the answer of a peer behind this one is to be taken.
    enum class judgement : std::uint8_t {
        ended,     ///< the path came to something or to a dead end
        unvisited  ///< the peer did nothing with the query
    };
    [[nodiscard]] judgement take(wire::message answer);
    /// The peer gave no answer.
    void missed() { cut_off_ = true; }

    void take_item(item what);
    void take_contact(contact who);
    void kept_here() {
        ++copies_;
        own_ = true;
    }
    /// A peer would not be asked, see refusal_in().
    void refused(std::error_code why) { refusal_ = why; }

    /// Paths that came to nothing.
    [[nodiscard]] std::size_t nothing() const noexcept { return nothing_; }
    /// Something has come together.
    [[nodiscard]] bool any() const noexcept;
    /// Nothing more needs to be asked for.
    [[nodiscard]] bool enough() const;
    /// Peers that say they keep the item of a put.
    [[nodiscard]] std::size_t copies() const noexcept { return copies_; }
    [[nodiscard]] const find_copies& found() const noexcept { return found_; }
    /// One of the copies is this peer's own.
    [[nodiscard]] bool own() const noexcept { return own_; }
    /// How the last one refused, when nobody answered.
    [[nodiscard]] std::error_code refusal() const noexcept { return answered_ ? std::error_code() : refusal_; }
    /// Answers that nobody may give.
    [[nodiscard]] std::size_t lies() const noexcept { return lies_; }

    /// What the asker is told: the newest values first, as many as it wanted.
    [[nodiscard]] wire::gathered answer() const;

private:
    enum class wish : std::uint8_t { contacts, values, copies };

    wish wish_ = wish::values;
    id256 target_;
    std::size_t results_;
    find_copies found_;
    std::vector<contact> contacts_;
    std::size_t copies_ = 0;
    std::size_t nothing_ = 0;
    std::size_t lies_ = 0;
    std::error_code refusal_;
    bool answered_ = false;
    bool own_ = false;
    bool cut_off_ = false;
};

/// Where a forwarded query goes.
[[nodiscard]] const id256& target_of(const wire::forward& query) noexcept;

}  // namespace mydht::detail
