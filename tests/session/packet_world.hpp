#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <mydht/core/random.hpp>
#include <mydht/wire/ack.hpp>
#include <mydht/wire/frame.hpp>

#include "session/loss_recovery.hpp"
#include "session/message_assembly.hpp"
#include "session/message_sending.hpp"
#include "session/received_packets.hpp"
#include "support/catch.hpp"

/// Two sides of a datagram session without cipher, coroutines or sockets, and the path between them, in virtual time:
/// the values of src/session put together as a session does it.
namespace mydht::test {

/// One way between two sides.
struct path_options {
    double loss = 0;
    double repeat = 0;
    duration delay = std::chrono::milliseconds(10);
    duration jitter{};                 ///< each packet takes up to so much longer, so they overtake each other
    std::uint64_t bytes_a_second = 0;  ///< 0: without limit
    duration queue = std::chrono::milliseconds(50);  ///< what would wait longer at the bottleneck is dropped
};

/// What all packets in one direction share: flows may share it too.
class bottleneck {
public:
    explicit bottleneck(const path_options& options) : options_(options) {}

    /// When a packet leaves the queue; nothing if it is full.
    std::optional<steady_time> pass(std::size_t bytes, steady_time now) {
        if (options_.bytes_a_second == 0) return now;
        const auto begin = std::max(free_at_, now);
        if (begin - now > options_.queue) return std::nullopt;
        free_at_ = begin + std::chrono::nanoseconds(1'000'000'000ULL * bytes / options_.bytes_a_second);
        return free_at_;
    }

private:
    path_options options_;
    steady_time free_at_{};
};

struct side {
    static constexpr std::size_t overhead = 32;  // header and tag

    side(detail::assembly_budget& budget, const detail::assembly_limits& limits, std::uint64_t seed)
        : recovery(detail::base_packet_bytes, seed), assembly(budget, limits) {}

    detail::loss_recovery recovery;
    detail::received_packets received;
    detail::message_sending sending{std::size_t{64} * 1024 * 1024};
    detail::message_assembly assembly;
    detail::recovery_outcome outcome;
    std::vector<bytes> arrived;

    std::size_t packets_sent = 0;
    std::size_t part_bytes_sent = 0;
    std::size_t pieces_lost = 0;
    std::size_t refusals = 0;
    std::size_t window_sum = 0;  // at each ack
    std::size_t window_count = 0;
};

class packet_world {
public:
    packet_world(std::uint64_t seed, const path_options& there, const path_options& back)
        : random_(seed), ways_{way{there, bottleneck(there)}, way{back, bottleneck(back)}} {}

    /// A pair of sides; its number.
    std::size_t add_pair(const detail::assembly_limits& limits = {}) {
        sides_.push_back(std::make_unique<side>(budget_, limits, random_()));
        sides_.push_back(std::make_unique<side>(budget_, limits, random_()));
        wake_.resize(sides_.size(), steady_time::max());
        return sides_.size() / 2 - 1;
    }
    side& from(std::size_t pair = 0) { return *sides_[2 * pair]; }
    side& to(std::size_t pair = 0) { return *sides_[2 * pair + 1]; }
    path_options& way_there() { return ways_[0].options; }
    path_options& way_back() { return ways_[1].options; }
    [[nodiscard]] steady_time now() const { return now_; }

    /// A message of side `who` is said.
    void say(side& who, bytes message) {
        REQUIRE(who.sending.add(std::move(message)));
        for (std::size_t i = 0; i < sides_.size(); ++i) {
            if (sides_[i].get() == &who) pump(i);
        }
    }

    /// Goes on until nothing more happens or it is `end`.
    void run_until(steady_time end) {
        for (;;) {
            const auto waker = std::ranges::min_element(wake_);
            const auto packet_at = flying_.empty() ? steady_time::max() : flying_.begin()->first.first;
            const auto next = std::min(*waker, packet_at);
            if (next > end || next == steady_time::max()) break;
            now_ = std::max(now_, next);
            if (packet_at <= *waker) {
                auto packet = std::move(flying_.begin()->second);
                flying_.erase(flying_.begin());
                take(packet.to, packet);
                pump(packet.to);
            } else {
                pump(static_cast<std::size_t>(waker - wake_.begin()));
            }
        }
        if (end != steady_time::max()) now_ = end;
    }
    void run() { run_until(steady_time::max()); }

private:
    struct packet {
        std::size_t to = 0;
        std::uint64_t number = 0;
        bool tracked = false;
        bytes frames;
    };
    struct way {
        path_options options;
        bottleneck neck;
    };

    void pump(std::size_t index) {
        auto& me = *sides_[index];
        if (const auto at = me.recovery.next_timer(); at && *at <= now_) {
            me.outcome.clear();
            me.recovery.on_timer(now_, me.outcome);
            settle(me);
        }
        me.assembly.expire(now_);
        while (send_one(index)) {
        }
        auto wake = me.recovery.next_timer().value_or(steady_time::max());
        if (const auto at = me.received.ack_at()) wake = std::min(wake, *at);
        if (const auto at = me.assembly.next_expiry()) wake = std::min(wake, *at);
        if (me.sending.ready() && me.recovery.can_send(detail::base_packet_bytes)) {
            wake = std::min(wake, me.recovery.next_send_time());
        }
        wake_[index] = wake == steady_time::max() ? wake : std::max(wake, now_ + std::chrono::microseconds(1));
    }

    bool send_one(std::size_t index) {
        auto& me = *sides_[index];
        packet out{index ^ 1U, me.recovery.next_number(), false, {}};
        std::vector<detail::packet_piece> pieces;
        const auto room = [&] { return detail::base_packet_bytes - side::overhead - out.frames.size(); };
        const bool may = me.recovery.can_send(detail::base_packet_bytes) && me.recovery.next_send_time() <= now_;
        const bool data = may && me.sending.ready();
        const auto ack_at = me.received.ack_at();
        if ((ack_at && *ack_at <= now_) || (data && me.received.ack_owed())) {
            REQUIRE(me.received.append_ack(out.frames, room(), now_));
        }
        while (data && me.sending.ready()) {
            const auto piece = me.sending.append_part(out.frames, room());
            if (!piece) break;
            pieces.push_back(*piece);
            me.part_bytes_sent += piece->size;
        }
        if (pieces.empty() && me.recovery.probes_wanted() > 0) {
            wire::append_ping(out.frames, wire::frame_kind::ping, {});
            out.tracked = true;
        }
        out.tracked = out.tracked || !pieces.empty();
        if (out.frames.empty()) return false;
        const auto purpose = out.tracked ? detail::packet_purpose::tracked : detail::packet_purpose::untracked;
        me.recovery.on_sent(out.frames.size() + side::overhead, purpose, pieces, now_);
        ++me.packets_sent;
        fly(std::move(out));
        return true;
    }

    void fly(packet out) {
        auto& way = ways_[out.to % 2 == 1 ? 0 : 1];
        const bool lost = random_.unit() < way.options.loss;
        const bool twice = random_.unit() < way.options.repeat;
        const auto left = way.neck.pass(out.frames.size() + side::overhead, now_);
        if (!left || lost) return;
        for (int copies = twice ? 2 : 1; copies > 0; --copies) {
            const auto extra = random_.below(static_cast<std::uint64_t>(way.options.jitter.count()) + 1);
            const auto at = *left + way.options.delay + duration(static_cast<duration::rep>(extra));
            flying_.emplace(std::pair{at, ++flights_}, copies > 1 ? out : std::move(out));
        }
    }

    void take(std::size_t index, const packet& in) {
        auto& me = *sides_[index];
        if (!me.received.is_new(in.number)) return;
        wire::frame_decoder decoder;
        bytes_view input(in.frames);
        bool refused = false;
        for (;;) {
            const auto frame = decoder.next(input);
            REQUIRE(frame.has_value());
            if (!*frame) break;
            if ((*frame)->kind == wire::frame_kind::ack) take_ack(me, (*frame)->payload);
            if ((*frame)->kind == wire::frame_kind::message_part)
                refused = !take_part(me, (*frame)->payload) || refused;
        }
        if (refused) {
            ++me.refusals;
            me.received.refuse(in.number, now_);
        } else {
            me.received.note(in.number, in.tracked, now_);
        }
    }

    void take_ack(side& me, bytes_view payload) {
        me.outcome.clear();
        REQUIRE(me.recovery.on_ack(wire::decode_ack(payload).value(), now_, me.outcome));
        settle(me);
        me.window_sum += me.recovery.window().window();
        ++me.window_count;
    }

    bool take_part(side& me, bytes_view payload) {
        auto got = me.assembly.take(payload, now_);
        REQUIRE(got.has_value());
        if (got->what == detail::part_fate::complete) me.arrived.push_back(std::move(got->message));
        return got->what != detail::part_fate::refused;
    }

    static void settle(side& me) {
        for (const auto& piece : me.outcome.acknowledged) me.sending.acknowledged(piece);
        for (const auto& piece : me.outcome.lost) me.sending.lost(piece);
        me.pieces_lost += me.outcome.lost.size();
    }

    prng random_;
    std::array<way, 2> ways_;
    detail::assembly_budget budget_{std::size_t{256} * 1024 * 1024};
    std::vector<std::unique_ptr<side>> sides_;
    std::vector<steady_time> wake_;
    std::map<std::pair<steady_time, std::uint64_t>, packet> flying_;
    std::uint64_t flights_ = 0;
    steady_time now_{std::chrono::hours(1)};
};

}  // namespace mydht::test
