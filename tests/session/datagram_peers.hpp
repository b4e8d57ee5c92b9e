#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mydht/wire/packet.hpp>

#include "fixture.hpp"
#include "packet_net.hpp"

namespace mydht::test {

/// What a peer was asked, and how it answers.
struct asked_handler {
    explicit asked_handler(std::shared_ptr<manual_clock> time_) : time(std::move(time_)) {}
    [[nodiscard]] request_handler handler() {
        return [this](peer_info from, wire::message what) { return answer(this, std::move(from), std::move(what)); };
    }
    static task<wire::message> answer(asked_handler* self, peer_info from, wire::message what) {
        ++self->asked;
        if (self->slow > duration{}) {
            wait_queue never;
            const bool woken = co_await never.wait_until(*self->time, self->time->now() + self->slow);
            if (woken) throw std::logic_error("nobody wakes it");
        }
        if (std::holds_alternative<wire::find_value>(what) && self->large) co_return *self->large;
        if (const auto* one = std::get_if<wire::store>(&what)) {
            self->stored.push_back(one->what.body);
            co_return wire::stored();
        }
        co_return co_await peer::echo(std::move(from), std::move(what));
    }

    std::shared_ptr<manual_clock> time;
    int asked = 0;
    duration slow{};
    std::optional<wire::values> large;
    std::vector<bytes> stored;
};

/// Two peers on a path that can be spoilt. `b` listens; `a` dials from a socket of its own, until it listens too.
struct datagram_peers {
    explicit datagram_peers(session_config config = {}) : datagram_peers(config, config) {}
    datagram_peers(session_config of_a, session_config of_b)
        : net(w.time),
          at_b(w.time),
          at_a(w.time),
          a(w, net.transport(), std::move(of_a), at_a.handler()),
          b(w, net.transport(), std::move(of_b), at_b.handler()) {
        listen_b();
        // Requests in first packets count only some time after the start.
        w.advance(3s);
    }
    ~datagram_peers() {
        net.loss = 0;
        net.tamper = {};
        w.run(a.pool->stop(1s));
        w.run(b.pool->stop(1s));
        w.advance(5s);
        CHECK(w.time->armed() == 0);
    }

    void listen_b() {
        b.pool->describe(1, {mem("b")});
        REQUIRE(w.run(b.pool->listen(mem("b"))));
    }
    void listen_a() {
        a.pool->describe(1, {mem("a")});
        REQUIRE(w.run(a.pool->listen(mem("a"))));
    }
    /// The pool of b goes without a word, and another one with the same identity takes its place.
    void restart_b(session_config config = {}) {
        b.pool.reset();
        w.poll();
        b.pool = std::make_unique<session_pool>(b.env, b.self, std::move(config), at_b.handler(), b.make_events());
        b.pool->add_transport(net.transport());
        listen_b();
    }
    [[nodiscard]] result<session> connect(duration in = 10s) {
        return w.run(a.pool->connect(b.at(mem("b")), a.in(in)));
    }
    [[nodiscard]] result<asked_peer> ask(wire::message what, duration in = 10s) {
        return w.run(a.pool->ask(b.at(mem("b")), std::move(what), a.in(in)));
    }
    [[nodiscard]] result<wire::message> request(const session& over, wire::message what, duration in = 30s) {
        auto link = over;
        return w.run(link.request(std::move(what), a.in(in)));
    }
    [[nodiscard]] result<wire::message> ping(const session& over, duration in = 10s) {
        return request(over, wire::ping(), in);
    }
    [[nodiscard]] std::size_t volume(std::string_view from, std::string_view to) const {
        const auto at = net.volume.find({mem(from), mem(to)});
        return at != net.volume.end() ? at->second : 0;
    }

    world w;
    packet_net net;
    asked_handler at_b;
    asked_handler at_a;
    peer a;
    peer b;
};

inline wire::packet_type type_of(const packet_net::packet& one) { return wire::type_of(one.data).value(); }

/// Values of so many bytes together, in items of the largest size.
inline wire::values values_of(std::size_t size) {
    wire::values out;
    for (std::size_t i = 0; i * limits::inline_value_bytes < size; ++i) {
        auto& one = out.items.emplace_back();
        one.body = bytes(std::min(size - i * limits::inline_value_bytes, limits::inline_value_bytes));
        for (std::size_t j = 0; j < one.body.size(); ++j) one.body[j] = static_cast<std::uint8_t>(j * 7 + j / 251 + i);
    }
    return out;
}

}  // namespace mydht::test
