#include <mydht/transport/blocking.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include <mydht/runtime/run_on.hpp>
#include <mydht/runtime/task_group.hpp>

#include "transport/blocking_threads.hpp"

namespace mydht::detail {

namespace {

/// The most bytes of one call.
constexpr std::size_t piece_bytes = 64 * 1024;
/// How long a listener waits for a thread before it asks again.
constexpr duration shortage_pause = std::chrono::milliseconds(100);

using connection_result = result<std::unique_ptr<blocking_connection>>;
using listener_result = result<std::unique_ptr<blocking_listener>>;

taken_threads of_connection(const blocking_threads_ptr& threads) {
    return {threads, &blocking_threads::give_back_connection};
}

taken_threads of_listener(const blocking_threads_ptr& threads) {
    return {threads, &blocking_threads::give_back_listener};
}

/// A connection and the memory of its calls. Calls under way own it too, so that it outlives them.
struct shared_connection {
    explicit shared_connection(std::unique_ptr<blocking_connection> stream_) : stream(std::move(stream_)) {}

    std::unique_ptr<blocking_connection> stream;
    bytes incoming;
    bytes outgoing;
};

using shared_connection_ptr = std::shared_ptr<shared_connection>;

/// What the coroutines of a connection share with its handle.
struct connection_state {
    connection_state(taken_threads threads_, std::unique_ptr<blocking_connection> stream)
        : threads(std::move(threads_)),
          local(stream->local()),
          remote(stream->remote()),
          shared(std::make_shared<shared_connection>(std::move(stream))) {}
    connection_state(const connection_state&) = delete;
    connection_state& operator=(const connection_state&) = delete;
    ~connection_state() { close(); }

    /// The last call under way, or this one, destroys the connection.
    void close() noexcept {
        if (!shared) return;
        shared->stream->close();
        shared.reset();
    }

    taken_threads threads;
    address local;
    address remote;
    shared_connection_ptr shared;  ///< empty after close
    bool reading = false;
    bool writing = false;
    bool write_ended = false;
};

using state_ptr = std::shared_ptr<connection_state>;

std::function<result<std::size_t>()> read_call(shared_connection_ptr c, std::size_t most) {
    return [c = std::move(c), most] {
        c->incoming.resize(most);
        return c->stream->read(c->incoming);
    };
}

task<result<std::size_t>> read_some(state_ptr s, bytes_span into) {
    if (!s->shared) co_return failure(errc::closed);
    if (into.empty()) co_return std::size_t{0};
    // A cancelled read is still under way; the connection is good for close() only.
    if (std::exchange(s->reading, true)) co_return failure(errc::connection_reset);
    const auto kept = s->shared;
    auto call = read_call(kept, std::min(into.size(), piece_bytes));
    const auto count = co_await offload<result<std::size_t>>(s->threads.of()->where(), std::move(call));
    s->reading = false;
    if (!s->shared) co_return failure(errc::closed);
    if (!count) co_return failure(count.error());
    std::copy_n(kept->incoming.begin(), *count, into.begin());
    co_return *count;
}

task<result<void>> write(state_ptr s, bytes_view data) {
    if (!s->shared || s->write_ended) co_return failure(errc::closed);
    if (data.empty()) co_return result<void>();
    if (std::exchange(s->writing, true)) co_return failure(errc::connection_reset);
    while (!data.empty()) {
        const auto piece = data.first(std::min(data.size(), piece_bytes));
        s->shared->outgoing.assign(piece.begin(), piece.end());
        std::function<result<void>()> call = [c = s->shared] { return c->stream->write(c->outgoing); };
        const auto done = co_await offload<result<void>>(s->threads.of()->where(), std::move(call));
        if (!s->shared) co_return failure(errc::closed);
        if (!done) {
            s->writing = false;
            co_return failure(done.error());
        }
        data = data.subspan(piece.size());
    }
    s->writing = false;
    co_return result<void>();
}

task<result<void>> shutdown_write(state_ptr s) {
    if (!s->shared) co_return failure(errc::closed);
    if (s->write_ended) co_return result<void>();
    if (std::exchange(s->writing, true)) co_return failure(errc::connection_reset);
    std::function<result<void>()> call = [c = s->shared] { return c->stream->shutdown_write(); };
    const auto done = co_await offload<result<void>>(s->threads.of()->where(), std::move(call));
    s->writing = false;
    if (!s->shared) co_return failure(errc::closed);
    if (done) s->write_ended = true;
    co_return done;
}

class adapted_connection {
public:
    explicit adapted_connection(state_ptr state) : state_(std::move(state)) {}

    task<result<std::size_t>> read_some(bytes_span into) { return detail::read_some(state_, into); }
    task<result<void>> write(bytes_view data) { return detail::write(state_, data); }
    task<result<void>> shutdown_write() { return detail::shutdown_write(state_); }
    void close() { state_->close(); }
    [[nodiscard]] address local() const { return state_->local; }
    [[nodiscard]] address remote() const { return state_->remote; }

private:
    state_ptr state_;
};

any_connection adapt(taken_threads threads, std::unique_ptr<blocking_connection> stream) {
    return any_connection(
        adapted_connection(std::make_shared<connection_state>(std::move(threads), std::move(stream))));
}

// --- listening -------------------------------------------------------------------------------------------------------

struct listener_state {
    listener_state(environment env_, taken_threads thread_, std::unique_ptr<blocking_listener> port)
        : env(std::move(env_)), thread(std::move(thread_)), local(port->local()), shared(std::move(port)) {}
    listener_state(const listener_state&) = delete;
    listener_state& operator=(const listener_state&) = delete;
    ~listener_state() { close(); }

    void close() noexcept {
        if (!shared) return;
        shared->close();
        shared.reset();
        waiting.reset();
        arrived.notify_all();
        thread.of()->freed().notify_all();
    }

    void fail() {
        failed = true;
        arrived.notify_all();
    }

    environment env;
    taken_threads thread;
    address local;
    std::shared_ptr<blocking_listener> shared;  ///< empty after close
    bool accepting = false;
    bool failed = false;
    /// Accepted for somebody who was cancelled, or while there is no room.
    std::unique_ptr<blocking_connection> waiting;
    wait_queue arrived;
    std::optional<task_group> group;
};

using listener_ptr = std::shared_ptr<listener_state>;

/// One accept, which nobody cancels: what it brings belongs to whoever asks next.
task<> accept_one(listener_ptr l) {
    std::function<connection_result()> call = [port = l->shared] { return port->accept(); };
    auto made = co_await offload<connection_result>(l->thread.of()->where(), std::move(call));
    l->accepting = false;
    if (!l->shared) co_return;
    if (!made) {
        l->fail();
        co_return;
    }
    l->waiting = std::move(*made);
    l->arrived.notify_all();
}

listener_ptr make_listener(environment env, taken_threads thread, std::unique_ptr<blocking_listener> port) {
    auto made = std::make_shared<listener_state>(std::move(env), std::move(thread), std::move(port));
    made->group.emplace(made->env.exec, [weak = std::weak_ptr(made)](std::string_view, const std::exception_ptr&) {
        if (const auto l = weak.lock()) l->fail();
    });
    return made;
}

task<result<any_connection>> accept(listener_ptr l) {
    const auto threads = l->thread.of();
    while (l->shared) {
        if (l->waiting && threads->take_connection()) co_return adapt(of_connection(threads), std::move(l->waiting));
        if (l->waiting) {
            // The threads that the system lacks may be anybody's.
            co_await threads->freed().wait_until(*l->env.time, l->env.time->now() + shortage_pause);
            continue;
        }
        if (l->failed) co_return failure(errc::network_failed);
        if (!std::exchange(l->accepting, true)) l->group->spawn("accept", accept_one(l));
        co_await l->arrived.wait();
    }
    co_return failure(errc::closed);
}

class adapted_listener {
public:
    explicit adapted_listener(listener_ptr state) : state_(std::move(state)) {}

    task<result<any_connection>> accept() { return detail::accept(state_); }
    void close() { state_->close(); }
    [[nodiscard]] address local() const { return state_->local; }

private:
    listener_ptr state_;
};

// --- transport -------------------------------------------------------------------------------------------------------

/// What the operations of one transport share.
struct transport_parts {
    environment env;
    std::shared_ptr<blocking_transport_base> blocking;
    blocking_threads_ptr threads;
};

task<result<any_listener>> listen(transport_parts parts, address at) {
    if (at.kind() != parts.blocking->kind()) co_return failure(errc::unsupported_address);
    if (!parts.threads->take_listener()) co_return failure(errc::out_of_descriptors);
    auto thread = of_listener(parts.threads);
    std::function<listener_result()> call = [blocking = parts.blocking, at] { return blocking->listen(at); };
    auto made = co_await offload<listener_result>(parts.threads->where(), std::move(call));
    if (!made) co_return failure(made.error());
    co_return any_listener(adapted_listener(make_listener(parts.env, std::move(thread), std::move(*made))));
}

/// Lets a dial that nobody waits for any more end.
class stops_at_end {
public:
    stops_at_end() = default;
    stops_at_end(const stops_at_end&) = delete;
    stops_at_end& operator=(const stops_at_end&) = delete;
    ~stops_at_end() { source_.request_stop(); }

    [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

private:
    std::stop_source source_;
};

task<result<any_connection>> connect(transport_parts parts, address to) {
    if (to.kind() != parts.blocking->kind()) co_return failure(errc::unsupported_address);
    if (!parts.threads->take_connection()) co_return failure(errc::out_of_descriptors);
    auto threads = of_connection(parts.threads);
    const stops_at_end stop;
    std::function<connection_result()> call = [blocking = parts.blocking, to, token = stop.token()] {
        return blocking->connect(to, token);
    };
    auto made = co_await offload<connection_result>(parts.threads->where(), std::move(call));
    if (!made) co_return failure(made.error());
    co_return adapt(std::move(threads), std::move(*made));
}

class adapted_transport {
public:
    explicit adapted_transport(transport_parts parts) : parts_(std::move(parts)) {}

    [[nodiscard]] address_kind kind() const { return parts_.blocking->kind(); }
    task<result<any_listener>> listen(address at) { return detail::listen(parts_, at); }
    task<result<any_connection>> connect(address to) { return detail::connect(parts_, to); }

private:
    transport_parts parts_;
};

}  // namespace

any_transport make_blocking(environment env, std::shared_ptr<blocking_transport_base> transport,
                            blocking_config config) {
    if (config.connections_max == 0) {
        throw std::invalid_argument("blocking_config: connections_max must be at least 1");
    }
    transport_parts parts;
    parts.env = std::move(env);
    parts.blocking = std::move(transport);
    parts.threads = std::make_shared<blocking_threads>(config.connections_max);
    return any_transport(adapted_transport(std::move(parts)));
}

}  // namespace mydht::detail
