#include "session/received_packets.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <limits>
#include <utility>

#include <mydht/wire/frame.hpp>

namespace mydht::detail {

namespace {

/// 4,096 numbers: late packets of a fast path with reordering are still told apart.
constexpr std::uint64_t words_max = 64;
/// RFC 9000, 13.2.2: an ack for every second packet that asks for one.
constexpr std::uint32_t packets_before_ack = 2;
/// What lies behind a hole is told in at least so many acks (RFC 9000, 13.2.3).
constexpr std::uint8_t acks_to_settle = 16;
/// Of the ranges in an ack so many are the newest; where there are more, the others tell of what came late.
constexpr std::size_t newest_ranges = 24;
/// More than that, and older packets are not acknowledged at all any more.
constexpr std::size_t refused_max = 64;

std::uint32_t microseconds(duration time) noexcept {
    const auto count = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(count, 0, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

bool received_packets::is_new(std::uint64_t number) const noexcept {
    if (number < floor_ || number > packet_number_max) return false;
    return number >= next_ || !has(number);
}

void received_packets::note(std::uint64_t number, bool ack_eliciting, steady_time now) {
    assert(is_new(number));
    const bool in_order = number == next_;
    mark(number, now);
    if (!ack_eliciting) return;
    if (waiting_++ == 0) due_ = now + ack_delay_max;
    if (!in_order || waiting_ >= packets_before_ack) due_ = now;
}

void received_packets::refuse(std::uint64_t number, steady_time now) {
    assert(is_new(number));
    mark(number, now);
    refused_.insert(std::ranges::upper_bound(refused_, number), number);
    if (refused_.size() <= refused_max) return;
    told_from_ = refused_.front() + 1;
    refused_.erase(refused_.begin());
}

std::optional<steady_time> received_packets::ack_at() const noexcept {
    if (!ack_owed()) return std::nullopt;
    return due_;
}

void received_packets::mark(std::uint64_t number, steady_time now) {
    if (number >= next_) newest_at_ = now;
    if (floor_ == next_ && number == next_) {
        ++floor_;
        ++next_;
        return;
    }
    if (number >= next_) {
        make_room(number);
        next_ = number + 1;
    } else {
        settled_ = std::min(settled_, number);
        settling_ = std::min(settling_, number);
        late_ = std::min(late_, number);
    }
    word(number >> 6U) |= std::uint64_t{1} << (number & 63U);
    advance();
}

/// Makes words for all numbers from the floor to this one, which is above all others.
void received_packets::make_room(std::uint64_t number) {
    const auto last = number >> 6U;
    const bool used = floor_ < next_;
    const auto used_end = used ? ((next_ - 1) >> 6U) + 1 : floor_ >> 6U;
    if (last - (floor_ >> 6U) >= words_max) slide((last - words_max + 1) << 6U);
    const auto first = floor_ >> 6U;
    const auto wanted = std::bit_ceil(last - first + 1);
    if (wanted > words_.size()) {
        std::vector<std::uint64_t> grown(wanted);
        for (auto index = first; index < used_end; ++index) grown[index & (wanted - 1)] = word(index);
        words_.swap(grown);
    }
    for (auto index = std::max(first, used_end); index <= last; ++index) word(index) = 0;
}

/// Forgets the oldest: numbers below `floor` count as seen.
void received_packets::slide(std::uint64_t floor) noexcept {
    if (floor > next_) {
        run_ = floor;
    } else if (floor_ < next_ && floor > floor_) {
        run_ = has(floor - 1) ? lowest_of_run(floor - 1, true) : floor;
    }
    floor_ = floor;
}

/// Moves the floor to the lowest number that is missing.
void received_packets::advance() noexcept { floor_ = end_of_run(floor_); }

/// The lowest number from which all up to `last` came, or are missing.
std::uint64_t received_packets::lowest_of_run(std::uint64_t last, bool came) const noexcept {
    for (;;) {
        const auto place = last & 63U;
        const auto bits = word(last >> 6U) << (63U - place);
        const auto count = static_cast<std::uint64_t>(std::countl_one(came ? bits : ~bits));
        const auto lowest = count <= place ? last - count + 1 : last - place;
        if (count <= place || lowest <= floor_) return std::max(lowest, floor_);
        last = lowest - 1;
    }
}

/// Adds what was not refused of packets that came one after the other; false when there is no room for all.
bool received_packets::tell(wire::ack& value, std::uint64_t first, std::uint64_t last) const noexcept {
    const bool all = first >= told_from_;
    first = std::max(first, told_from_);
    auto refused = std::ranges::upper_bound(refused_, last);
    while (first <= last) {
        const bool cut = refused != refused_.begin() && *(refused - 1) >= first;
        const auto begin = cut ? *--refused + 1 : first;
        if (begin <= last && !value.add({begin, last})) return false;
        if (!cut || *refused == 0) break;
        last = *refused - 1;
    }
    return all;
}

/// One past the packets that came without a gap from this one on; what lies below the floor counts as one with it.
std::uint64_t received_packets::end_of_run(std::uint64_t number) const noexcept {
    if (number < floor_) return floor_;
    while (number < next_) {
        const auto shift = number & 63U;
        const auto ones = static_cast<std::uint64_t>(std::countr_one(word(number >> 6U) >> shift));
        number += std::min(ones, 64 - shift);
        if (ones < 64 - shift) break;
    }
    return std::min(number, next_);
}

bool received_packets::append_ack(bytes& out, std::size_t room, steady_time now) {
    if (room < wire::frame_header_bytes + wire::ack_bytes_min) return false;
    wire::ack value;
    value.delay_us = microseconds(now - newest_at_);
    auto end = next_;
    bool jumped = false;
    while (end > floor_ && (value.count == 0 || end > settled_)) {
        if (value.count >= newest_ranges && !jumped) {
            jumped = true;
            end = std::min(end, end_of_run(late_));
            continue;
        }
        const bool came = has(end - 1);
        const auto first = lowest_of_run(end - 1, came);
        if (came && !tell(value, first, end - 1)) break;
        end = first;
    }
    if (end == floor_ && run_ < floor_ && (value.count == 0 || end > settled_)) tell(value, run_, floor_ - 1);
    if (value.count == 0) {
        waiting_ = 0;
        return false;
    }
    const auto place = wire::begin_frame(out, wire::frame_kind::ack, wire::control_channel);
    const bool appended = wire::append_ack(out, value, room - wire::frame_header_bytes);
    const auto ended = wire::end_frame(out, place);
    assert(appended && ended);
    static_cast<void>(appended);
    static_cast<void>(ended);
    waiting_ = 0;
    late_ = next_;
    if (++acks_ == acks_to_settle) {
        acks_ = 0;
        settled_ = std::exchange(settling_, next_);
    }
    return true;
}

void received_packets::release() noexcept {
    if (floor_ < next_) {
        run_ = lowest_of_run(next_ - 1, true);
        floor_ = next_;
    }
    std::vector<std::uint64_t>().swap(words_);
    if (!refused_.empty()) told_from_ = refused_.back() + 1;
    std::vector<std::uint64_t>().swap(refused_);
}

}  // namespace mydht::detail
