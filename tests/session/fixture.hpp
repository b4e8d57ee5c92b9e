#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <mydht/core/random.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/session/session_pool.hpp>
#include <mydht/transport/memory.hpp>

#include "support/catch.hpp"
#include "support/manual_clock.hpp"
#include "support/prng_source.hpp"
#include "support/seed.hpp"

namespace mydht::test {

using namespace std::chrono_literals;

class kept_log final : public log_sink {
public:
    void write(log_level, std::string_view component, std::string_view line) override {
        lines.push_back(std::string(component) + ": " + std::string(line));
    }
    [[nodiscard]] std::size_t count(std::string_view part) const {
        std::size_t out = 0;
        for (const auto& line : lines) out += line.find(part) != std::string::npos ? 1 : 0;
        return out;
    }

    std::vector<std::string> lines;
};

/// One executor, one clock that jumps to the next alarm when nothing is ready.
struct world {
    asio::io_context context{1};
    std::shared_ptr<manual_clock> time = std::make_shared<manual_clock>();
    std::shared_ptr<kept_log> log = std::make_shared<kept_log>();
    std::uint64_t seed = 1;

    [[nodiscard]] environment make_env() {
        environment out;
        out.exec = context.get_executor();
        out.workers = out.exec;
        out.time = time;
        out.secure_random = std::make_shared<prng_source>(++seed);
        out.random = std::make_shared<prng>(seed);
        out.log = logger(log, log_level::debug);
        return out;
    }

    void poll() {
        context.restart();
        context.poll();
    }
    void advance(duration by) {
        poll();
        const auto target = time->now() + by;
        while (time->now() < target) {
            time->advance(std::min<duration>(target - time->now(), step));
            poll();
        }
    }

    /// Runs `what` to its end, moving time on whenever nothing is ready. Throws when that takes too long.
    template <typename T>
    T run(task<T> what, duration at_most = 1h) {
        std::optional<T> out;
        std::exception_ptr error;
        bool ended = false;
        asio::co_spawn(context, std::move(what), [&](std::exception_ptr e, T value) {
            error = e;
            out.emplace(std::move(value));
            ended = true;
        });
        wait_for(ended, at_most);
        if (error) std::rethrow_exception(error);
        return std::move(*out);
    }
    void run(task<> what, duration at_most = 1h) {
        std::exception_ptr error;
        bool ended = false;
        asio::co_spawn(context, std::move(what), [&](std::exception_ptr e) {
            error = e;
            ended = true;
        });
        wait_for(ended, at_most);
        if (error) std::rethrow_exception(error);
    }

    static constexpr duration step = 10ms;

private:
    void wait_for(const bool& ended, duration at_most) {
        poll();
        const auto limit = time->now() + at_most;
        while (!ended) {
            if (time->now() >= limit) throw std::logic_error("the coroutine did not finish");
            time->advance(step);
            poll();
        }
    }
};

/// A pool with what it has told, on a network in memory.
struct peer {
    peer(world& in, memory_network& network, session_config config = {}, request_handler handler = {})
        : peer(in, std::move(config), std::move(handler)) {
        pool->add_transport(network.transport());
    }
    peer(world& in, any_datagram_transport with, session_config config = {}, request_handler handler = {})
        : peer(in, std::move(config), std::move(handler)) {
        pool->add_transport(std::move(with));
    }
    /// Without a transport.
    peer(world& in, session_config config, request_handler handler)
        : env(in.make_env()),
          self(std::make_shared<const identity>(identity::generate(*env.secure_random))),
          pool(std::make_unique<session_pool>(env, self, std::move(config), handler ? std::move(handler) : make_echo(),
                                              make_events())) {
        pool->describe(1, {});
    }

    /// Answers ping with pong, and find_node with no nodes.
    static request_handler make_echo() {
        return [](peer_info from, wire::message what) { return echo(std::move(from), std::move(what)); };
    }
    static task<wire::message> echo(peer_info from, wire::message what) {
        if (std::holds_alternative<wire::ping>(what)) {
            wire::pong out;
            out.observed = from.observed;
            co_return out;
        }
        co_return wire::nodes();
    }

    session_events make_events() {
        session_events out;
        out.awaits = [this](const wire::deliver&) { return awaits; };
        out.opened = [this](const session& s) { opened.push_back(s); };
        out.closed = [this](const peer_info& who, std::error_code why) { closed.emplace_back(who.who.id, why); };
        out.blocked = [this](const peer_info& who, duration time) { blocked.emplace_back(who.who.id, time); };
        return out;
    }

    [[nodiscard]] steady_time in(duration d) const { return env.time->now() + d; }
    [[nodiscard]] contact at(const address& where) const { return contact_of(self->key(), 1, {where}); }

    environment env;
    std::shared_ptr<const identity> self;
    std::vector<session> opened;
    std::vector<std::pair<node_id, std::error_code>> closed;
    std::vector<std::pair<node_id, duration>> blocked;
    bool awaits = true;  ///< what peers deliver
    std::unique_ptr<session_pool> pool;
};

inline address mem(std::string_view name) { return address::memory(name).value(); }

}  // namespace mydht::test
