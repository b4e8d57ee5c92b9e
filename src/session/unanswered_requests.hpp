#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <mydht/core/bytes.hpp>
#include <mydht/core/time.hpp>

#include "session/rtt_estimator.hpp"

namespace mydht::detail {

/// Requests of ours that travelled in one packet each and have no answer yet. Such packets are not acknowledged: the
/// answer is the acknowledgement, and without one the request is sent again, later each time. No I/O:
///
///     add(id, frame, now);                        // sent it
///     while (const auto* again = take_due(now)) send(again->frame);
///     answered(id, now);                          // or forget(id)
///
/// The time until the first repetition follows the round trips seen (RFC 6298, sections 2 and 5).
class unanswered_requests {
public:
    struct request {
        std::uint64_t id = 0;
        steady_time sent_at{};
        steady_time due{};
        duration pause{};
        std::uint32_t repeats = 0;
        bool working = false;
        bytes frame;  ///< as it goes into a packet
    };

    /// The id is of no other one, and not 0. Ids that are under way should lie close together: they are found by their
    /// remainders.
    void add(std::uint64_t id, bytes_view frame, steady_time now);
    /// The answer came. Takes the round trip as a sample when the request was sent once (Karn's algorithm).
    void answered(std::uint64_t id, steady_time now) noexcept;
    void forget(std::uint64_t id) noexcept;
    /// The peer is at it: no hurry.
    void working(std::uint64_t id, steady_time now) noexcept;
    /// A round trip that was measured by other means.
    void note_round_trip(duration took, steady_time now) noexcept { rtt_.sample(took, {}, now); }

    /// The next one to be sent again; nullptr when none is due. Valid until the next call.
    [[nodiscard]] const request* take_due(steady_time now) noexcept;
    /// When take_due() may have one; never later than that. steady_time::max() when there is nothing to wait for.
    [[nodiscard]] steady_time next() const noexcept { return next_; }

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] duration first_pause() const noexcept;
    /// Smoothed; nothing before the first one was seen.
    [[nodiscard]] std::optional<duration> round_trip() const noexcept {
        return rtt_.measured() ? std::optional(rtt_.smoothed()) : std::nullopt;
    }
    /// Gives the memory back if nothing is in it.
    void release() noexcept;
    [[nodiscard]] std::size_t memory() const noexcept;

private:
    [[nodiscard]] request& place_of(std::uint64_t id) noexcept { return places_[id & (places_.size() - 1)]; }
    [[nodiscard]] request* find(std::uint64_t id) noexcept;
    void remove(request& which) noexcept;
    void grow();

    /// Empty or a power of two long; a place with the id 0 is free, and keeps the memory of its frame for the next one.
    std::vector<request> places_;
    std::size_t size_ = 0;
    steady_time next_ = steady_time::max();
    rtt_estimator rtt_;
};

}  // namespace mydht::detail
