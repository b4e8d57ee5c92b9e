#include "session/message_sending.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include <mydht/core/limits.hpp>
#include <mydht/wire/message_part.hpp>

namespace mydht::detail {

namespace {

/// So many messages take turns, and fewer if they are larger together than this: what the peer has to keep.
constexpr std::size_t open_max = 8;
constexpr std::size_t open_bytes_max = 2 * limits::message_bytes;
/// A part that does not end what is to be said is no smaller.
constexpr std::size_t part_bytes_min = 256;
constexpr std::size_t overhead = wire::frame_header_bytes + wire::message_part_head_bytes;

byte_range range_of(const packet_piece& piece) noexcept { return {piece.at, std::uint64_t{piece.at} + piece.size}; }

/// As much of it as the room holds; empty if that is not worth a frame.
byte_range cut(byte_range range, std::size_t room) noexcept {
    const auto bytes = room > overhead ? room - overhead : 0;
    if (range.end - range.begin <= bytes) return range;
    return {range.begin, range.begin + (bytes < part_bytes_min ? 0 : bytes)};
}

}  // namespace

result<std::uint32_t> message_sending::add(bytes message) {
    assert(!message.empty());
    if (message.size() > limits::message_bytes) return failure(errc::too_large);
    if (message.size() > bytes_max_ - waiting_) return failure(errc::slow_peer);
    if (next_number_ > std::numeric_limits<std::uint32_t>::max()) return failure(errc::nonce_exhausted);
    const auto number = static_cast<std::uint32_t>(next_number_++);
    waiting_ += message.size();
    messages_.push_back({.number = number, .data = std::move(message), .next = 0, .came = {}, .again = {}});
    return number;
}

/// The messages from the front that may be under way together.
std::size_t message_sending::open_count() const noexcept {
    std::size_t count = 0;
    std::size_t bytes = 0;
    for (const auto& message : messages_) {
        bytes += message.data.size();
        const bool close = message.number - messages_.front().number < wire::message_numbers;
        if (count == open_max || !close || (count > 0 && bytes > open_bytes_max)) break;
        ++count;
    }
    return count;
}

bool message_sending::ready() const noexcept {
    const auto end = messages_.begin() + static_cast<std::ptrdiff_t>(open_count());
    return std::any_of(messages_.begin(), end, [](const outgoing& m) { return !m.nothing_to_say(); });
}

std::optional<packet_piece> message_sending::append_part(bytes& out, std::size_t room) {
    auto* message = next_in_turn();
    if (message == nullptr) return std::nullopt;
    const bool again = !message->again.empty();
    const auto range = cut(again ? message->again.front() : byte_range{message->next, message->data.size()}, room);
    if (range.begin == range.end) return std::nullopt;
    if (again) {
        message->again.remove(range);
    } else {
        message->next = range.end;
    }
    turn_ = std::uint64_t{message->number} + 1;
    return append(out, *message, range);
}

/// The messages take turns in the order of their numbers, around.
message_sending::outgoing* message_sending::next_in_turn() noexcept {
    outgoing* first = nullptr;
    const auto count = open_count();
    for (std::size_t i = 0; i < count; ++i) {
        auto& message = messages_[i];
        if (message.nothing_to_say()) continue;
        if (message.number >= turn_) return &message;
        if (first == nullptr) first = &message;
    }
    return first;
}

packet_piece message_sending::append(bytes& out, const outgoing& message, byte_range range) {
    const auto at = static_cast<std::uint32_t>(range.begin);
    const auto size = static_cast<std::uint32_t>(range.end - range.begin);
    wire::append_part(out, {.number = message.number,
                            .size = static_cast<std::uint32_t>(message.data.size()),
                            .offset = at,
                            .data = bytes_view(message.data).subspan(at, size)});
    return {.kind = wire::frame_kind::message_part, .channel = 0, .offset = message.number, .at = at, .size = size};
}

std::vector<message_sending::outgoing>::iterator message_sending::find(std::uint64_t number) noexcept {
    const auto it = std::ranges::lower_bound(messages_, number, {}, &outgoing::number);
    return it != messages_.end() && it->number == number ? it : messages_.end();
}

void message_sending::remove(std::vector<outgoing>::iterator message) noexcept {
    waiting_ -= message->data.size();
    messages_.erase(message);
}

void message_sending::acknowledged(const packet_piece& piece) {
    const auto message = find(piece.offset);
    if (message == messages_.end()) return;
    const auto range = range_of(piece);
    message->again.remove(range);
    message->came.add(range);
    if (message->came.front() == byte_range{0, message->data.size()}) remove(message);
}

void message_sending::lost(const packet_piece& piece) {
    const auto message = find(piece.offset);
    if (message == messages_.end()) return;
    message->again.add_without(range_of(piece), message->came);
}

void message_sending::cancel(std::uint32_t number) noexcept {
    if (const auto message = find(number); message != messages_.end()) remove(message);
}

void message_sending::release() noexcept {
    if (messages_.empty()) std::vector<outgoing>().swap(messages_);
}

std::size_t message_sending::memory() const noexcept {
    auto sum = messages_.capacity() * sizeof(outgoing);
    for (const auto& message : messages_)
        sum += message.data.capacity() + message.came.memory() + message.again.memory();
    return sum;
}

}  // namespace mydht::detail
