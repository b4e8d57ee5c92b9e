#include <algorithm>
#include <map>

#include <mydht/core/random.hpp>
#include <mydht/wire/frame.hpp>

#include "session/message_assembly.hpp"
#include "session/message_sending.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace std::chrono_literals;
using detail::assembly_budget;
using detail::assembly_limits;
using detail::message_assembly;
using detail::message_sending;
using detail::packet_piece;
using detail::part_fate;

namespace {

const steady_time start{1h};
constexpr std::size_t plenty = 64 * 1024 * 1024;
constexpr std::size_t frame_overhead = wire::frame_header_bytes + wire::message_part_head_bytes;

bytes pattern(std::size_t size, std::uint64_t salt = 0) {
    bytes out(size);
    prng random(salt + 1);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(random());
    return out;
}

/// The payload of the only frame.
bytes payload_of(const bytes& frame) {
    wire::frame_decoder decoder;
    bytes_view input(frame);
    const auto got = decoder.next(input);
    REQUIRE((got && *got && (*got)->kind == wire::frame_kind::message_part && input.empty()));
    return to_bytes((*got)->payload);
}

bytes payload(std::uint32_t number, const bytes& message, std::size_t offset, std::size_t count) {
    bytes frame;
    wire::append_part(frame, {.number = number,
                              .size = static_cast<std::uint32_t>(message.size()),
                              .offset = static_cast<std::uint32_t>(offset),
                              .data = bytes_view(message).subspan(offset, count)});
    return payload_of(frame);
}

struct sent_part {
    packet_piece piece;
    bytes payload;
};

std::optional<sent_part> next_part(message_sending& sending, std::size_t room = 1200) {
    bytes frame;
    const auto piece = sending.append_part(frame, room);
    if (!piece) {
        CHECK(frame.empty());
        return std::nullopt;
    }
    REQUIRE(frame.size() <= room);
    return sent_part{*piece, payload_of(frame)};
}

std::vector<sent_part> all_parts(message_sending& sending, std::size_t room = 1200) {
    std::vector<sent_part> out;
    while (sending.ready()) {
        auto part = next_part(sending, room);
        REQUIRE(part);
        out.push_back(std::move(*part));
    }
    return out;
}

part_fate fate(message_assembly& assembly, const bytes& part, steady_time now = start) {
    const auto got = assembly.take(part, now);
    REQUIRE(got.has_value());
    CHECK(got->message.empty() == (got->what != part_fate::complete));
    return got->what;
}

std::error_code error_of(message_assembly& assembly, const bytes& part) {
    const auto got = assembly.take(part, start);
    return got ? std::error_code() : got.error();
}

}  // namespace

TEST_CASE("a part is written as the specification says, and cut anywhere it is none") {
    const bytes message = pattern(1000);
    const auto part = payload(7, message, 600, 3);
    CHECK(part == bytes{7, 0, 0, 0, 0xe8, 3, 0, 0, 0x58, 2, 0, 0, message[600], message[601], message[602]});
    const auto got = wire::decode_part(part).value();
    CHECK(got.number == 7);
    CHECK(got.size == 1000);
    CHECK(got.offset == 600);
    CHECK(to_bytes(got.data) == bytes(message.begin() + 600, message.begin() + 603));
    for (std::size_t size = 0; size < 12; ++size) {
        CHECK(wire::decode_part(bytes_view(part).first(size)).error() == errc::truncated);
    }
    CHECK(wire::decode_part(bytes_view(part).first(12)).error() == errc::protocol_violation);
    auto behind = part;
    behind[8] = 0xe5;  // 997
    behind[9] = 3;
    CHECK(wire::decode_part(behind).has_value());
    behind[8] = 0xe6;
    CHECK(wire::decode_part(behind).error() == errc::protocol_violation);
    behind[11] = 0xff;
    CHECK(wire::decode_part(behind).error() == errc::protocol_violation);
}

TEST_CASE("a message goes out in parts and is gone when all have come") {
    message_sending sending(plenty);
    CHECK_FALSE(sending.ready());
    const auto message = pattern(5000);
    CHECK(sending.add(message) == 0U);
    CHECK(sending.waiting() == 5000);
    const auto parts = all_parts(sending);
    REQUIRE(parts.size() == 5);
    CHECK(parts[0].piece == packet_piece{wire::frame_kind::message_part, 0, 0, 0, 1200 - frame_overhead});
    CHECK_FALSE(next_part(sending));
    for (std::size_t i = parts.size(); i > 0; --i) {
        CHECK_FALSE(sending.empty());
        sending.acknowledged(parts[i - 1].piece);
        sending.lost(parts[i - 1].piece);  // too late to matter
        CHECK_FALSE(sending.ready());
    }
    CHECK(sending.empty());
    CHECK(sending.waiting() == 0);
    sending.acknowledged(parts[0].piece);
    sending.release();
    CHECK(sending.memory() == 0);
}

TEST_CASE("what was lost is said again, once, and before what is new") {
    message_sending sending(plenty);
    REQUIRE(sending.add(pattern(5000)));
    const auto first = next_part(sending)->piece;
    const auto second = next_part(sending)->piece;
    sending.lost(second);
    sending.lost(first);
    CHECK(next_part(sending)->piece == first);
    CHECK(next_part(sending)->piece == second);
    CHECK(next_part(sending)->piece.at == second.at + second.size);
    sending.lost(second);
    sending.acknowledged(second);  // it was only late
    CHECK(next_part(sending)->piece.at == second.at + 2 * second.size);
    // In a smaller room it goes in more parts.
    sending.lost(first);
    const auto half = next_part(sending, 700)->piece;
    const auto rest = next_part(sending)->piece;
    CHECK(half.at == first.at);
    CHECK(rest.at == half.at + half.size);
    CHECK(half.size + rest.size == first.size);
    sending.acknowledged(rest);
    sending.lost(first);
    CHECK(next_part(sending)->piece == half);
}

TEST_CASE("a room too small to be worth a part is left alone") {
    message_sending sending(plenty);
    REQUIRE(sending.add(pattern(1000)));
    for (std::size_t room = 0; room < frame_overhead + 256; ++room) {
        REQUIRE_FALSE(next_part(sending, room));
        REQUIRE(sending.ready());
    }
    CHECK(next_part(sending, frame_overhead + 256)->piece.size == 256);
    CHECK(next_part(sending, frame_overhead + 700)->piece.size == 700);
    CHECK_FALSE(next_part(sending, frame_overhead + 43));
    CHECK(next_part(sending, frame_overhead + 44)->piece.size == 44);  // the end
}

TEST_CASE("messages take turns, and only the oldest few") {
    message_sending sending(plenty);
    for (std::uint64_t i = 0; i < 12; ++i) REQUIRE(sending.add(pattern(i == 3 ? 2000 : 100'000, i)));
    std::vector<std::uint64_t> order;
    for (int i = 0; i < 20; ++i) order.push_back(next_part(sending)->piece.offset);
    CHECK(order == std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 4});
    // A message that is done makes room for the next.
    sending.acknowledged({wire::frame_kind::message_part, 0, 3, 0, 2000});
    order.clear();
    for (int i = 0; i < 6; ++i) order.push_back(next_part(sending)->piece.offset);
    CHECK(order == std::vector<std::uint64_t>{5, 6, 7, 8, 0, 1});
}

TEST_CASE("a message that is lost again and again does not hold up the others") {
    message_sending sending(plenty);
    REQUIRE(sending.add(pattern(4000, 1)));
    REQUIRE(sending.add(pattern(40'000, 2)));
    for (int i = 0; i < 100; ++i) {
        const auto piece = next_part(sending)->piece;
        if (piece.offset == 0) sending.lost(piece);
        if (piece.offset == 1) sending.acknowledged(piece);
    }
    CHECK(sending.waiting() == 4000);
}

TEST_CASE("large messages go one or two at a time") {
    message_sending sending(plenty);
    for (int i = 0; i < 4; ++i) REQUIRE(sending.add(bytes(limits::message_bytes)));
    std::size_t parts = 0;
    while (sending.ready()) {
        REQUIRE(next_part(sending)->piece.offset < 2);
        ++parts;
    }
    CHECK(parts > 2 * limits::message_bytes / 1200);
}

TEST_CASE("a cancelled message is said no more") {
    message_sending sending(plenty);
    REQUIRE(sending.add(pattern(4000, 1)));
    REQUIRE(sending.add(pattern(2000, 2)));
    const auto part = next_part(sending)->piece;
    sending.cancel(0);
    CHECK(sending.waiting() == 2000);
    sending.lost(part);
    for (const auto& one : all_parts(sending)) CHECK(one.piece.offset == 1);
    sending.cancel(5);
    sending.cancel(1);
    CHECK(sending.empty());
}

TEST_CASE("numbers under way stay close together, whatever was cancelled between them") {
    message_sending sending(plenty);
    for (std::uint64_t i = 0; i < 80; ++i) REQUIRE(sending.add(pattern(2000, i)));
    for (std::uint32_t i = 1; i < 63; ++i) sending.cancel(i);
    std::uint64_t highest = 0;
    for (const auto& part : all_parts(sending)) highest = std::max(highest, part.piece.offset);
    CHECK(highest == 63);
}

TEST_CASE("what waits to be sent is bounded") {
    message_sending sending(10'000);
    CHECK(sending.add(pattern(10'001)).error() == errc::slow_peer);
    REQUIRE(sending.add(pattern(6000)));
    REQUIRE(sending.add(pattern(4000)));
    CHECK(sending.add(pattern(1)).error() == errc::slow_peer);
    sending.cancel(0);
    CHECK(sending.add(pattern(1)) == 2U);
    message_sending wide(plenty);
    CHECK(wide.add(bytes(limits::message_bytes)).has_value());
    CHECK(wide.add(bytes(limits::message_bytes + 1)).error() == errc::too_large);
}

TEST_CASE("parts come together in any order, repeated and overlapping") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    assembly_budget budget(plenty);
    message_assembly assembly(budget);
    for (std::uint32_t number = 0; number < 100; ++number) {
        const auto message = pattern(1 + static_cast<std::size_t>(random.below(20'000)), random());
        std::vector<bytes> parts;
        for (std::size_t at = 0; at < message.size();) {
            const auto count = std::min(message.size() - at, 1 + static_cast<std::size_t>(random.below(1500)));
            parts.push_back(payload(number, message, at, count));
            at += count;
        }
        for (auto extra = random.below(10); extra > 0; --extra) {
            const auto at = static_cast<std::size_t>(random.below(message.size()));
            const auto count = 1 + static_cast<std::size_t>(random.below(message.size() - at));
            parts.push_back(payload(number, message, at, count));
        }
        shuffle(parts, random);
        int completed = 0;
        for (const auto& part : parts) {
            const auto got = assembly.take(part, start);
            REQUIRE(got.has_value());
            if (got->what == part_fate::complete) {
                ++completed;
                REQUIRE(got->message == message);
            }
            REQUIRE(got->what != part_fate::refused);
            REQUIRE(budget.used() == assembly.memory());
        }
        REQUIRE(completed == 1);
        REQUIRE(assembly.memory() == 0);
        REQUIRE_FALSE(assembly.next_expiry());
    }
}

TEST_CASE("other bytes at the same place, or another size, break the rules") {
    const auto message = pattern(10'000);
    auto other = message;
    other[5000] ^= 1U;
    assembly_budget budget(plenty);
    {
        message_assembly assembly(budget);
        CHECK(fate(assembly, payload(0, message, 4000, 1001)) == part_fate::kept);
        CHECK(fate(assembly, payload(0, message, 4500, 100)) == part_fate::repeated);
        CHECK(fate(assembly, payload(0, other, 5001, 999)) == part_fate::kept);
        CHECK(error_of(assembly, payload(0, other, 5000, 1)) == errc::protocol_violation);
        CHECK(error_of(assembly, payload(0, other, 3000, 2001)) == errc::protocol_violation);
        auto longer = message;
        longer.push_back(0);
        CHECK(error_of(assembly, payload(0, longer, 0, 10)) == errc::protocol_violation);
        CHECK(budget.used() > 0);
    }
    CHECK(budget.used() == 0);
    message_assembly small(budget, {.message_bytes = 10'000});
    CHECK(fate(small, payload(0, message, 0, 10)) == part_fate::kept);
    auto longer = message;
    longer.push_back(0);
    CHECK(error_of(small, payload(1, longer, 0, 10)) == errc::too_large);
}

TEST_CASE("a complete message is not made twice") {
    assembly_budget budget(plenty);
    message_assembly assembly(budget);
    const auto message = pattern(100);
    const auto one = [&](std::uint32_t number) { return fate(assembly, payload(number, message, 0, 100)); };
    CHECK(one(0) == part_fate::complete);
    CHECK(one(0) == part_fate::repeated);
    CHECK(one(63) == part_fate::complete);
    CHECK(one(0) == part_fate::repeated);
    CHECK(one(1) == part_fate::complete);
    CHECK(one(66) == part_fate::complete);
    CHECK(one(2) == part_fate::repeated);  // too old to tell
    CHECK(one(3) == part_fate::complete);
    CHECK(one(63) == part_fate::repeated);
    CHECK(fate(assembly, payload(5, message, 0, 50)) == part_fate::kept);
    CHECK(one(4'000'000'000U) == part_fate::complete);
    CHECK(assembly.memory() == 0);  // the unfinished one was given up
    CHECK(one(66) == part_fate::repeated);
    CHECK(one(4'000'000'000U - 63) == part_fate::complete);
}

TEST_CASE("memory follows the bytes that came, not what was announced") {
    assembly_budget budget(plenty);
    message_assembly assembly(budget);
    const auto message = pattern(limits::message_bytes);
    CHECK(fate(assembly, payload(0, message, 0, 1)) == part_fate::kept);
    CHECK(assembly.memory() < 3000);
    CHECK(fate(assembly, payload(1, message, message.size() - 1, 1)) == part_fate::kept);
    CHECK(assembly.memory() < 12'000);
    // Whatever is sent of it, a message needs little more than its size.
    for (std::size_t at = 0; at < message.size(); at += 600) fate(assembly, payload(2, message, at, 1));
    CHECK(assembly.memory() < limits::message_bytes * 5 / 4);
}

TEST_CASE("unfinished messages are bounded for one peer and for all, and what was refused may come again") {
    const auto message = pattern(100'000);
    assembly_budget budget(300'000);
    message_assembly first(budget, {.bytes = 200'000});
    message_assembly second(budget, {.bytes = 200'000});
    const auto fill = [&](message_assembly& assembly, std::uint32_t number) {
        for (std::size_t at = 0; at < 90'000; at += 1000) {
            if (fate(assembly, payload(number, message, at, 1000)) == part_fate::refused) return false;
        }
        return true;
    };
    CHECK(fill(first, 0));
    CHECK(fill(first, 1));
    CHECK(fate(first, payload(2, pattern(1), 0, 1)) == part_fate::refused);  // its own limit
    CHECK(first.memory() <= 225'000);
    CHECK_FALSE(fill(second, 0));  // of all together
    CHECK(budget.used() == first.memory() + second.memory());
    CHECK(budget.used() <= 300'000);
    CHECK(fate(second, payload(1, message, 0, 100)) == part_fate::refused);
    CHECK(fate(first, payload(0, message, 95'000, 100)) == part_fate::refused);
    CHECK(fate(second, payload(0, message, 500, 100)) == part_fate::repeated);  // needs nothing
    first.expire(start + 30s - 1ns);
    CHECK(first.memory() > 0);
    first.expire(start + 30s);
    CHECK(first.memory() == 0);
    CHECK(fill(second, 0));
    CHECK(fate(second, payload(0, message, 90'000, 10'000)) == part_fate::complete);
    CHECK(fate(second, payload(1, message, 0, 100)) == part_fate::kept);
}

TEST_CASE("so many messages are unfinished at a time and no more") {
    assembly_budget budget(plenty);
    message_assembly assembly(budget, {.messages = 3});
    const auto message = pattern(3000);
    for (std::uint32_t number = 0; number < 3; ++number) {
        CHECK(fate(assembly, payload(number, message, 0, 1000)) == part_fate::kept);
    }
    CHECK(fate(assembly, payload(3, message, 0, 1000)) == part_fate::refused);
    CHECK(fate(assembly, payload(1, message, 1000, 2000)) == part_fate::complete);
    CHECK(fate(assembly, payload(3, message, 0, 1000)) == part_fate::kept);
}

TEST_CASE("messages of which nothing more comes are dropped") {
    assembly_budget budget(plenty);
    message_assembly assembly(budget, {.silence = 10s, .whole = 25s});
    const auto message = pattern(100'000);
    CHECK_FALSE(assembly.next_expiry());
    fate(assembly, payload(0, message, 0, 1000), start);
    fate(assembly, payload(1, message, 0, 1000), start + 1s);
    CHECK(assembly.next_expiry() == start + 10s);
    fate(assembly, payload(0, message, 1000, 1000), start + 9s);
    fate(assembly, payload(1, message, 0, 1000), start + 9s);  // nothing new
    CHECK(assembly.next_expiry() == start + 11s);
    assembly.expire(start + 11s - 1ns);
    CHECK(fate(assembly, payload(1, message, 0, 1000), start + 11s - 1ns) == part_fate::repeated);
    assembly.expire(start + 11s);
    CHECK(assembly.next_expiry() == start + 19s);
    CHECK(fate(assembly, payload(1, message, 2000, 1000), start + 12s) == part_fate::repeated);
    fate(assembly, payload(0, message, 2000, 1000), start + 18s);
    CHECK(assembly.next_expiry() == start + 25s);  // drop by drop does not help
    assembly.expire(start + 25s);
    CHECK_FALSE(assembly.next_expiry());
    CHECK(assembly.memory() == 0);
    assembly.release();
}

TEST_CASE("hostile parts never cost more than the limits") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    assembly_budget budget(400'000);
    const auto message = pattern(120'000);
    int violations = 0;
    for (int round = 0; round < 50; ++round) {
        message_assembly assembly(budget, {.message_bytes = 120'000, .bytes = 300'000, .messages = 4});
        for (int step = 0; step < 300; ++step) {
            const auto at = static_cast<std::size_t>(random.below(message.size()));
            const auto count =
                1 + static_cast<std::size_t>(random.below(std::min<std::size_t>(message.size() - at, 1300)));
            auto part = payload(static_cast<std::uint32_t>(random.below(200)), message, at, count);
            if (random.below(50) == 0) part[random.below(part.size())] ^= 0x10U;
            if (random.below(50) == 0) part.resize(random.below(part.size()));
            if (!assembly.take(part, start)) {
                ++violations;
                break;
            }
            REQUIRE(assembly.memory() <= 300'000);
            REQUIRE(budget.used() == assembly.memory());
        }
    }
    CHECK(violations > 0);
    CHECK(budget.used() == 0);
}

TEST_CASE("messages pass from one side to the other whatever is lost") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 20; ++round) {
        message_sending sending(plenty);
        assembly_budget budget(plenty);
        message_assembly assembly(budget);
        std::map<std::uint32_t, bytes> open;
        for (int i = 0; i < 20; ++i) {
            auto message = pattern(1 + static_cast<std::size_t>(random.below(30'000)), random());
            const auto number = sending.add(message).value();
            open[number] = std::move(message);
        }
        while (!sending.empty()) {
            REQUIRE(sending.ready());
            const auto part = next_part(sending, 500 + static_cast<std::size_t>(random.below(900)));
            REQUIRE(part);
            if (random.below(3) == 0) {
                sending.lost(part->piece);
                continue;
            }
            auto got = assembly.take(part->payload, start);
            REQUIRE(got.has_value());
            if (got->what == part_fate::complete) {
                REQUIRE(open.at(static_cast<std::uint32_t>(part->piece.offset)) == got->message);
                open.erase(static_cast<std::uint32_t>(part->piece.offset));
            }
            // An ack may itself be lost: then the part comes again.
            if (random.below(5) == 0) {
                sending.lost(part->piece);
            } else {
                sending.acknowledged(part->piece);
            }
        }
        REQUIRE(open.empty());
    }
}
