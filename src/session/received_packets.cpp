#include "session/received_packets.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <limits>
#include <utility>

#include <mydht/wire/ack.hpp>
#include <mydht/wire/frame.hpp>

namespace mydht::detail {

namespace {

/// 4,096 numbers: late packets of a fast path with reordering are still told apart.
constexpr std::uint64_t words_max = 64;
/// RFC 9000, 13.2.2: an ack for every second packet that asks for one.
constexpr std::uint32_t packets_before_ack = 2;
/// What lies behind a hole is told in at least so many acks (RFC 9000, 13.2.3).
constexpr std::uint8_t acks_to_settle = 16;

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
    told_from_ = std::max(told_from_, number + 1);
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
void received_packets::advance() noexcept {
    while (floor_ < next_) {
        const auto shift = floor_ & 63U;
        const auto ones = static_cast<std::uint64_t>(std::countr_one(word(floor_ >> 6U) >> shift));
        floor_ = std::min(floor_ + std::min(ones, 64 - shift), next_);
        if (ones < 64 - shift) return;
    }
}

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

bool received_packets::append_ack(bytes& out, std::size_t room, steady_time now) {
    if (room < wire::frame_header_bytes + wire::ack_bytes_min || next_ <= told_from_) return false;
    wire::ack value;
    value.delay_us = microseconds(now - newest_at_);
    const auto tell = [&](std::uint64_t first, std::uint64_t last) {
        return last >= told_from_ && value.add({std::max(first, told_from_), last});
    };
    auto end = next_;
    while (end > floor_ && (value.count == 0 || end > settled_)) {
        const bool came = has(end - 1);
        const auto first = lowest_of_run(end - 1, came);
        if (came && !tell(first, end - 1)) break;
        end = first;
    }
    if (end == floor_ && run_ < floor_ && (value.count == 0 || end > settled_)) tell(run_, floor_ - 1);
    assert(value.count > 0);
    const auto place = wire::begin_frame(out, wire::frame_kind::ack, wire::control_channel);
    const bool appended = wire::append_ack(out, value, room - wire::frame_header_bytes);
    const auto ended = wire::end_frame(out, place);
    assert(appended && ended);
    static_cast<void>(appended);
    static_cast<void>(ended);
    waiting_ = 0;
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
}

}  // namespace mydht::detail
