#include <mydht/transport/memory.hpp>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <deque>
#include <map>
#include <stdexcept>
#include <string>

#include <mydht/runtime/wait_queue.hpp>

#include "transport/memory_datagrams.hpp"

namespace mydht {

namespace {

/// One direction. Holds memory only while there are bytes in it.
struct pipe {
    bytes data;
    std::size_t taken = 0;   ///< bytes at the front of `data` that were read
    bool ended = false;      ///< nothing is written any more
    bool abandoned = false;  ///< nobody reads any more
    wait_queue readable;
    wait_queue writable;

    [[nodiscard]] std::size_t size() const noexcept { return data.size() - taken; }

    void put(bytes_view more) {
        if (taken > 0 && taken >= data.size() / 2) {
            data.erase(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(taken));
            taken = 0;
        }
        data.insert(data.end(), more.begin(), more.end());
        readable.notify_all();
    }

    std::size_t take(bytes_span into) {
        const auto count = std::min(into.size(), size());
        std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(taken), count, into.begin());
        taken += count;
        if (taken == data.size()) {
            data = bytes();
            taken = 0;
        }
        writable.notify_all();
        return count;
    }

    void wake() {
        readable.notify_all();
        writable.notify_all();
    }
};

/// Both directions of a connection; end 0 dialled.
struct pipe_pair {
    explicit pipe_pair(std::size_t capacity_) : capacity(capacity_) {}

    std::size_t capacity;
    pipe from[2];
    bool closed[2] = {false, false};
    address name[2];
};

task<result<std::size_t>> read_some(std::shared_ptr<pipe_pair> pair, std::size_t end, bytes_span into) {
    auto& incoming = pair->from[1 - end];
    if (pair->closed[end]) co_return failure(errc::closed);
    if (into.empty()) co_return std::size_t{0};
    assert(incoming.readable.empty());
    while (incoming.size() == 0) {
        if (incoming.ended) co_return failure(errc::end_of_stream);
        co_await incoming.readable.wait();
        if (pair->closed[end]) co_return failure(errc::closed);
    }
    co_return incoming.take(into);
}

task<result<void>> write(std::shared_ptr<pipe_pair> pair, std::size_t end, bytes_view data) {
    auto& outgoing = pair->from[end];
    if (pair->closed[end] || outgoing.ended) co_return failure(errc::closed);
    assert(outgoing.writable.empty());
    while (!data.empty()) {
        if (outgoing.abandoned) co_return failure(errc::connection_reset);
        const auto room = std::min(pair->capacity - outgoing.size(), data.size());
        if (room > 0) {
            outgoing.put(data.first(room));
            data = data.subspan(room);
            continue;
        }
        co_await outgoing.writable.wait();
        if (pair->closed[end]) co_return failure(errc::closed);
    }
    co_return result<void>();
}

task<result<void>> shutdown_write(std::shared_ptr<pipe_pair> pair, std::size_t end) {
    if (pair->closed[end]) co_return failure(errc::closed);
    pair->from[end].ended = true;
    pair->from[end].wake();
    co_return result<void>();
}

class memory_connection {
public:
    memory_connection(std::shared_ptr<pipe_pair> pair, std::size_t end) : pair_(std::move(pair)), end_(end) {}

    task<result<std::size_t>> read_some(bytes_span into) { return mydht::read_some(pair_, end_, into); }
    task<result<void>> write(bytes_view data) { return mydht::write(pair_, end_, data); }
    task<result<void>> shutdown_write() { return mydht::shutdown_write(pair_, end_); }
    [[nodiscard]] address local() const { return pair_->name[end_]; }
    [[nodiscard]] address remote() const { return pair_->name[1 - end_]; }

    void close() {
        pair_->closed[end_] = true;
        auto& outgoing = pair_->from[end_];
        auto& incoming = pair_->from[1 - end_];
        outgoing.ended = true;
        incoming.abandoned = true;
        incoming.data = bytes();
        incoming.taken = 0;
        outgoing.wake();
        incoming.wake();
    }

private:
    std::shared_ptr<pipe_pair> pair_;
    std::size_t end_;
};

struct listener_state {
    address name;
    std::deque<any_connection> waiting;
    wait_queue arrived;
    bool closed = false;
};

task<result<any_connection>> accept(std::shared_ptr<listener_state> s) {
    while (s->waiting.empty()) {
        if (s->closed) co_return failure(errc::closed);
        co_await s->arrived.wait();
    }
    auto next = std::move(s->waiting.front());
    s->waiting.pop_front();
    co_return std::move(next);
}

}  // namespace

namespace detail {

struct memory_state {
    explicit memory_state(memory_config config_) : config(config_) {}

    memory_config config;
    std::map<address, std::shared_ptr<listener_state>> listeners;
    std::uint64_t names = 0;

    /// A name that was not given out before.
    [[nodiscard]] result<address> fresh(std::string_view prefix) {
        for (;;) {
            const auto made = address::memory(std::string(prefix) + std::to_string(++names));
            if (!made || !listeners.contains(*made)) return made;
        }
    }
};

}  // namespace detail

namespace {

using detail::memory_state;

class memory_listener {
public:
    memory_listener(std::shared_ptr<memory_state> network, std::shared_ptr<listener_state> state)
        : network_(std::move(network)), state_(std::move(state)) {}

    task<result<any_connection>> accept() { return mydht::accept(state_); }
    [[nodiscard]] address local() const { return state_->name; }

    void close() {
        if (state_->closed) return;
        state_->closed = true;
        network_->listeners.erase(state_->name);
        state_->waiting.clear();
        state_->arrived.notify_all();
    }

private:
    std::shared_ptr<memory_state> network_;
    std::shared_ptr<listener_state> state_;
};

task<result<any_listener>> listen(std::shared_ptr<memory_state> network, address at) {
    if (at.kind() != address_kind::memory) co_return failure(errc::unsupported_address);
    auto name = as_text(at.data());
    if (name.ends_with('*')) {
        const auto chosen = network->fresh(name.substr(0, name.size() - 1));
        if (!chosen) co_return failure(errc::address_not_available);
        at = *chosen;
    }
    if (network->listeners.contains(at)) co_return failure(errc::address_in_use);
    auto state = std::make_shared<listener_state>();
    state->name = at;
    network->listeners.emplace(at, state);
    co_return any_listener(memory_listener(std::move(network), std::move(state)));
}

task<result<any_connection>> connect(std::shared_ptr<memory_state> network, address to) {
    if (to.kind() != address_kind::memory) co_return failure(errc::unsupported_address);
    const auto found = network->listeners.find(to);
    if (found == network->listeners.end()) co_return failure(errc::connection_refused);
    auto& listener = *found->second;
    if (listener.waiting.size() >= network->config.backlog) co_return failure(errc::connection_refused);
    const auto own = network->fresh("~");
    auto pair = std::make_shared<pipe_pair>(network->config.pipe_bytes);
    pair->name[0] = own.value();
    pair->name[1] = to;
    listener.waiting.emplace_back(memory_connection(pair, 1));
    listener.arrived.notify_all();
    co_return any_connection(memory_connection(std::move(pair), 0));
}

class memory_transport {
public:
    explicit memory_transport(std::shared_ptr<memory_state> network) : network_(std::move(network)) {}

    [[nodiscard]] address_kind kind() const { return address_kind::memory; }
    task<result<any_listener>> listen(address at) { return mydht::listen(network_, at); }
    task<result<any_connection>> connect(address to) { return mydht::connect(network_, to); }

private:
    std::shared_ptr<memory_state> network_;
};

}  // namespace

memory_network::memory_network(memory_config config) {
    if (config.pipe_bytes == 0) throw std::invalid_argument("memory_config: pipe_bytes must be at least 1");
    if (config.backlog == 0) throw std::invalid_argument("memory_config: backlog must be at least 1");
    if (config.packet_bytes_max == 0 || config.packet_bytes_max > 65'507) {
        throw std::invalid_argument("memory_config: packet_bytes_max must be 1 to 65507");
    }
    if (config.datagram_queue_packets == 0) {
        throw std::invalid_argument("memory_config: datagram_queue_packets must be at least 1");
    }
    state_ = std::make_shared<memory_state>(config);
    mail_ = detail::make_memory_mail(config.packet_bytes_max, config.datagram_queue_packets);
}

any_transport memory_network::transport() const { return any_transport(memory_transport(state_)); }

any_datagram_transport memory_network::datagrams() const { return detail::make_memory_datagrams(mail_); }

}  // namespace mydht
