#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mydht/wire/ack.hpp>
#include <mydht/wire/frame.hpp>
#include <mydht/wire/message_part.hpp>

#include "session/loss_recovery.hpp"
#include "session/message_assembly.hpp"
#include "session/received_packets.hpp"

using namespace mydht;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

constexpr std::size_t announced_max = 100'000;

/// A session's values under the frames of a hostile peer.
struct victim {
    detail::assembly_budget budget{80'000};
    detail::message_assembly assembly{
        budget, {.message_bytes = 50'000, .bytes = announced_max, .messages = 4, .silence = std::chrono::seconds(1)}};
    detail::loss_recovery recovery{detail::base_packet_bytes, 1};
    detail::recovery_outcome outcome;
    detail::received_packets received;
    steady_time now{std::chrono::hours(1)};

    void send() {
        const std::array pieces{detail::packet_piece{.offset = recovery.next_number()}};
        for (int i = 0; i < 5 && recovery.can_send(1000); ++i) {
            recovery.on_sent(1000, detail::packet_purpose::tracked, pieces, now);
        }
    }

    bool take_ack(bytes_view payload) {
        const auto ack = wire::decode_ack(payload);
        if (!ack) return false;
        const auto highest = recovery.next_number();
        outcome.clear();
        if (!recovery.on_ack(*ack, now, outcome)) return false;
        check(ack->largest() < highest);
        check(outcome.acknowledged.size() + outcome.lost.size() <= highest * 2);
        check(recovery.next_timer().has_value() == recovery.anything_in_flight());
        return true;
    }

    bool take_part(bytes_view payload) {
        const auto part = wire::decode_part(payload);
        const auto got = assembly.take(payload, now);
        if (!got) return false;
        check(part.has_value());
        check((got->what == detail::part_fate::complete) == (got->message.size() == part->size));
        check(budget.used() == assembly.memory() && budget.used() <= 80'000);
        return true;
    }

    void note(bytes_view payload) {
        std::uint64_t number = 0;
        for (const auto byte : payload) number = (number << 8U) | byte;
        if (!received.is_new(number)) return;
        if (payload.size() % 3 == 0) {
            received.refuse(number, now);
        } else {
            received.note(number, true, now);
        }
        check(!received.is_new(number));
        bytes out;
        if (!received.append_ack(out, 1200, now)) return;
        check(wire::decode_ack(bytes_view(out).subspan(wire::frame_header_bytes)).has_value());
    }
};

}  // namespace

/// An input is a list of {what u8, length u8, payload}.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    victim session;
    for (bytes_view input(data, size); input.size() >= 2;) {
        const auto what = input[0];
        const auto payload = input.subspan(2, std::min<std::size_t>(input[1], input.size() - 2));
        input = input.subspan(2 + payload.size());
        session.now += std::chrono::milliseconds(what);
        session.send();
        session.outcome.clear();
        if (const auto at = session.recovery.next_timer(); at && *at <= session.now) {
            session.recovery.on_timer(session.now, session.outcome);
        }
        session.assembly.expire(session.now);
        if (what % 3 == 0 && !session.take_ack(payload)) break;
        if (what % 3 == 1 && !session.take_part(payload)) break;
        if (what % 3 == 2) session.note(payload);
    }
    return 0;
}
