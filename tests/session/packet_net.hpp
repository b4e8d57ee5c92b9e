#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <mydht/core/random.hpp>
#include <mydht/core/result.hpp>
#include <mydht/runtime/wait_queue.hpp>
#include <mydht/transport/datagram.hpp>

#include "../support/manual_clock.hpp"

namespace mydht::test {

using namespace std::chrono_literals;

/// Datagrams between names in memory, on a path that a test spoils: packets are lost, repeated, delayed and reordered
/// as the numbers say, and everything else is done by `tamper`.
class packet_net {
public:
    struct packet {
        address from;
        address to;
        bytes data;
    };

    explicit packet_net(std::shared_ptr<manual_clock> time, address_kind kind = address_kind::memory)
        : kind_(kind), state_(std::make_shared<state>(std::move(time))) {}

    double loss = 0;
    double repeats = 0;
    duration delay = 10ms;
    std::size_t packet_bytes_max = 1472;  ///< what sockets take; set it before they are opened
    duration jitter{};                    ///< up to so much more, so that packets overtake each other
    /// May change the packet; false drops it.
    std::function<bool(packet&)> tamper;
    /// Asked before each operation of a socket: "open", "send" or "receive". What it answers is the operation's error.
    std::function<std::error_code(std::string_view what, const address& at)> fails;
    /// What the transport's has_address() says.
    std::function<std::optional<bool>(const address& at)> has;
    bool recording = false;
    std::vector<packet> recorded;
    std::size_t sent = 0;
    /// Bytes that each place sent to each other one, also those of injected packets.
    std::map<std::pair<address, address>, std::size_t> volume;
    prng numbers{7};

    [[nodiscard]] any_datagram_transport transport() { return any_datagram_transport(carrier{this, kind_}); }

    /// As if it had been sent: arrives at once.
    void inject(packet one) {
        volume[{one.from, one.to}] += one.data.size();
        deliver(*state_, std::move(one));
    }
    /// As when its interface goes away: the socket there receives nothing any more, and says so, and sends nothing.
    void sever(const address& place) {
        auto box = state_->boxes.at(place);
        state_->boxes.erase(place);
        box->broken = true;
        box->arrived.notify_all();
    }
    /// The socket at `place` is told that nobody took its packet to `to`.
    void refuse(const address& place, const address& to) {
        auto& box = *state_->boxes.at(place);
        box.refused.push_back(to);
        box.arrived.notify_all();
    }
    /// The socket at `from` gets another name: what it sends comes from there, and what is sent to the old name is
    /// lost.
    void rename(const address& from, const address& to) {
        auto box = state_->boxes.at(from);
        state_->boxes.erase(from);
        state_->boxes[to] = box;
        box->seen = to;
    }

private:
    struct mailbox {
        address local;
        address seen;
        std::deque<packet> waiting;
        std::deque<address> refused;
        wait_queue arrived;
        bool closed = false;
        bool broken = false;
    };
    struct state;
    struct due_alarm final : alarm {
        state* owner = nullptr;
        void fire() noexcept override { owner->deliver_due(); }
    };
    struct state {
        explicit state(std::shared_ptr<manual_clock> time_) : time(std::move(time_)) { next.owner = this; }
        state(const state&) = delete;
        state& operator=(const state&) = delete;
        ~state() {
            if (next.armed()) time->disarm(next);
        }
        void deliver_due() {
            while (!flying.empty() && flying.begin()->first <= time->now()) {
                auto one = std::move(flying.begin()->second);
                flying.erase(flying.begin());
                deliver(*this, std::move(one));
            }
            if (!flying.empty()) time->arm(next, flying.begin()->first);
        }

        std::shared_ptr<manual_clock> time;
        std::map<address, std::shared_ptr<mailbox>> boxes;
        std::multimap<steady_time, packet> flying;
        due_alarm next;
        std::size_t names = 0;
    };

    class socket {
    public:
        socket(packet_net* net, std::shared_ptr<mailbox> box) : net_(net), box_(std::move(box)) {}
        socket(socket&&) noexcept = default;
        socket& operator=(socket&&) noexcept = default;
        ~socket() {
            if (box_) close();
        }

        result<std::optional<datagrams>> receive(bytes_span into) {
            if (box_->closed) return failure(errc::closed);
            if (box_->broken) return failure(errc::network_failed);
            if (const auto error = net_->error_of("receive", box_->local)) return failure(error);
            datagrams out;
            if (!box_->refused.empty()) {
                out.from = box_->refused.front();
                out.refused = true;
                box_->refused.pop_front();
                return std::optional(out);
            }
            if (box_->waiting.empty()) return std::optional<datagrams>();
            const auto one = std::move(box_->waiting.front());
            box_->waiting.pop_front();
            out.from = one.from;
            out.bytes = one.data.size();
            out.packet_bytes = one.data.size();
            std::ranges::copy(one.data, into.begin());
            return std::optional(out);
        }
        task<result<void>> wait_readable() { return wait(box_); }
        result<bool> send(const address& to, bytes_view data, std::size_t packet_bytes) {
            if (box_->closed) return failure(errc::closed);
            if (box_->broken) return failure(errc::unreachable);
            if (const auto error = net_->error_of("send", box_->local)) return failure(error);
            while (!data.empty()) {
                const auto part = data.first(std::min(packet_bytes, data.size()));
                net_->take({box_->seen, to, to_bytes(part)});
                data = data.subspan(part.size());
            }
            return true;
        }
        task<result<void>> wait_writable() { return always(); }
        void close() {
            box_->closed = true;
            box_->arrived.notify_all();
            if (net_ != nullptr) std::erase_if(net_->state_->boxes, [this](const auto& b) { return b.second == box_; });
            net_ = nullptr;
        }
        [[nodiscard]] address local() const { return box_->local; }
        [[nodiscard]] std::size_t packet_bytes_max() const { return net_->packet_bytes_max; }
        [[nodiscard]] std::size_t batch_bytes_max() const { return 16 * net_->packet_bytes_max; }

    private:
        static task<result<void>> wait(std::shared_ptr<mailbox> box) {
            while (!box->closed && !box->broken && box->waiting.empty() && box->refused.empty()) {
                co_await box->arrived.wait();
            }
            if (box->closed) co_return failure(errc::closed);
            co_return result<void>();
        }
        static task<result<void>> always() { co_return result<void>(); }

        packet_net* net_;
        std::shared_ptr<mailbox> box_;
    };

    struct carrier {
        packet_net* net;
        address_kind of;

        [[nodiscard]] address_kind kind() const { return of; }
        [[nodiscard]] address anywhere(const address&) const {
            const auto number = ++net->state_->names;
            if (of == address_kind::memory) return address::memory("dialler-" + std::to_string(number)).value();
            return address::ipv4(of, {93, 184, 215, 14}, static_cast<std::uint16_t>(number));
        }
        [[nodiscard]] task<result<any_datagram_socket>> open(address at) const { return open(net, at); }
        [[nodiscard]] std::optional<bool> has_address(const address& at) const {
            return net->has ? net->has(at) : std::nullopt;
        }
        [[nodiscard]] bool simulated() const { return true; }
        static task<result<any_datagram_socket>> open(packet_net* on, address at) {
            if (const auto error = on->error_of("open", at)) co_return failure(error);
            if (on->state_->boxes.contains(at)) co_return failure(errc::address_in_use);
            auto box = std::make_shared<mailbox>();
            box->local = at;
            box->seen = at;
            on->state_->boxes[at] = box;
            co_return any_datagram_socket(socket(on, std::move(box)));
        }
    };

    [[nodiscard]] std::error_code error_of(std::string_view what, const address& at) const {
        return fails ? fails(what, at) : std::error_code();
    }
    void take(packet one) {
        ++sent;
        volume[{one.from, one.to}] += one.data.size();
        if (recording) recorded.push_back(one);
        if (tamper && !tamper(one)) return;
        const auto chance = [this] { return static_cast<double>(numbers() >> 11U) * 0x1.0p-53; };
        if (chance() < loss) return;
        const int copies = chance() < repeats ? 2 : 1;
        for (int i = 0; i < copies; ++i) {
            auto at = state_->time->now() + delay;
            if (jitter > duration{})
                at += duration(static_cast<duration::rep>(chance() * static_cast<double>(jitter.count())));
            state_->flying.emplace(at, one);
        }
        if (!state_->flying.empty()) state_->time->arm(state_->next, state_->flying.begin()->first);
    }
    static void deliver(state& in, packet one) {
        const auto to = in.boxes.find(one.to);
        if (to == in.boxes.end()) {
            const auto back = in.boxes.find(one.from);
            if (back == in.boxes.end()) return;
            back->second->refused.push_back(one.to);
            back->second->arrived.notify_all();
            return;
        }
        to->second->waiting.push_back(std::move(one));
        to->second->arrived.notify_all();
    }

    address_kind kind_;
    std::shared_ptr<state> state_;
};

}  // namespace mydht::test
