#include <mydht/transport/tcp.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <stdexcept>
#include <tuple>

#include <asio/buffer.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/use_awaitable.hpp>

#include <mydht/runtime/wait_queue.hpp>

#include "transport/asio_endpoint.hpp"
#include "transport/socket_address.hpp"
#include "transport/system_errors.hpp"

namespace mydht {

namespace {

using asio::ip::tcp;

constexpr std::string_view component = "tcp";

constexpr auto as_result = asio::experimental::as_tuple(asio::use_awaitable);

[[noreturn]] void throw_cancelled() { throw std::system_error(std::error_code(asio::error::operation_aborted)); }

address to_mydht(const tcp::endpoint& where) { return detail::from_system(*where.data(), address_kind::tcp); }

/// What a connection's coroutines share with its handle.
struct stream_state {
    explicit stream_state(tcp::socket socket_) : socket(std::move(socket_)) {}

    tcp::socket socket;
    address local;
    address remote;
    bool closed = false;
    bool write_ended = false;

    /// The code of a failed operation; throws when the caller was cancelled.
    [[nodiscard]] errc code_of(const std::error_code& error) const {
        if (closed) return errc::closed;
        if (error == asio::error::operation_aborted) throw_cancelled();
        return detail::stream_error(error);
    }
};

task<result<std::size_t>> read_some(std::shared_ptr<stream_state> s, bytes_span into) {
    if (s->closed) co_return failure(errc::closed);
    if (into.empty()) co_return std::size_t{0};
    const auto buffer = asio::buffer(into.data(), into.size());
    const auto [error, count] = co_await s->socket.async_read_some(buffer, as_result);
    if (error) co_return failure(s->code_of(error));
    co_return count;
}

task<result<void>> write(std::shared_ptr<stream_state> s, bytes_view data) {
    if (s->closed || s->write_ended) co_return failure(errc::closed);
    // A loop of our own: async_write() does not obey total cancellation.
    while (!data.empty()) {
        const auto buffer = asio::buffer(data.data(), data.size());
        const auto [error, count] = co_await s->socket.async_write_some(buffer, as_result);
        if (error) co_return failure(s->code_of(error));
        if (s->closed) co_return failure(errc::closed);
        data = data.subspan(count);
    }
    co_return result<void>();
}

task<result<void>> shutdown_write(std::shared_ptr<stream_state> s) {
    if (s->closed) co_return failure(errc::closed);
    if (s->write_ended) co_return result<void>();
    s->write_ended = true;
    std::error_code error;
    s->socket.shutdown(tcp::socket::shutdown_send, error);
    if (error) co_return failure(s->code_of(error));
    co_return result<void>();
}

class tcp_connection {
public:
    explicit tcp_connection(std::shared_ptr<stream_state> state) : state_(std::move(state)) {}

    task<result<std::size_t>> read_some(bytes_span into) { return mydht::read_some(state_, into); }
    task<result<void>> write(bytes_view data) { return mydht::write(state_, data); }
    task<result<void>> shutdown_write() { return mydht::shutdown_write(state_); }
    [[nodiscard]] address local() const { return state_->local; }
    [[nodiscard]] address remote() const { return state_->remote; }

    void close() {
        state_->closed = true;
        std::error_code ignored;
        state_->socket.close(ignored);
    }

private:
    std::shared_ptr<stream_state> state_;
};

/// Makes the connection of a socket that is connected. Errors: when the peer has gone already.
result<any_connection> make_connection(tcp::socket socket, const tcp_config& config) {
    auto state = std::make_shared<stream_state>(std::move(socket));
    std::error_code error;
    const auto remote = state->socket.remote_endpoint(error);
    if (error) return failure(detail::stream_error(error));
    const auto local = state->socket.local_endpoint(error);
    if (error) return failure(detail::stream_error(error));
    // Failing to set them costs speed only, and a broken connection says so at its first use.
    state->socket.set_option(tcp::no_delay(config.no_delay), error);
    if (config.unsent_bytes_max > 0) {
        const int most = config.unsent_bytes_max;
        ::setsockopt(state->socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof most);
    }
    state->local = to_mydht(local);
    state->remote = to_mydht(remote);
    return any_connection(tcp_connection(std::move(state)));
}

struct listener_state {
    listener_state(environment env_, tcp_config config_) : env(std::move(env_)), config(config_), acceptor(env.exec) {}

    environment env;
    tcp_config config;
    tcp::acceptor acceptor;
    address local;
    wait_queue closing;
    bool closed = false;
    bool short_of_descriptors = false;
};

/// Waits out a shortage, or until the listener is closed.
task<> sit_out_shortage(listener_state& s, std::error_code error) {
    if (!s.short_of_descriptors) {
        s.short_of_descriptors = true;
        s.env.log.write(log_level::warning, component, s.local.text() + " cannot accept for now: " + error.message());
    }
    co_await s.closing.wait_until(*s.env.time, s.env.time->now() + s.config.shortage_pause);
}

task<result<any_connection>> accept(std::shared_ptr<listener_state> s) {
    while (!s->closed) {
        auto [error, socket] = co_await s->acceptor.async_accept(s->env.exec, as_result);
        if (s->closed) break;
        if (!error) {
            s->short_of_descriptors = false;
            auto made = make_connection(std::move(socket), s->config);
            if (made) co_return std::move(*made);
            continue;
        }
        if (error == asio::error::operation_aborted) throw_cancelled();
        switch (detail::classify_accept(error)) {
            case detail::accept_trouble::one_connection: break;
            case detail::accept_trouble::shortage: co_await sit_out_shortage(*s, error); break;
            case detail::accept_trouble::broken: co_return failure(errc::network_failed);
        }
    }
    co_return failure(errc::closed);
}

class tcp_listener {
public:
    explicit tcp_listener(std::shared_ptr<listener_state> state) : state_(std::move(state)) {}

    task<result<any_connection>> accept() { return mydht::accept(state_); }
    [[nodiscard]] address local() const { return state_->local; }

    void close() {
        state_->closed = true;
        state_->closing.notify_all();
        std::error_code ignored;
        state_->acceptor.close(ignored);
    }

private:
    std::shared_ptr<listener_state> state_;
};

result<void> open_listener(listener_state& s, const tcp::endpoint& at) {
    std::error_code error;
    s.acceptor.open(at.protocol(), error);
    if (!error && at.address().is_v6()) s.acceptor.set_option(asio::ip::v6_only(true), error);
    // Lets a node come back at once at the port that connections of its last run still occupy.
    if (!error) s.acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) s.acceptor.bind(at, error);
    if (!error) s.acceptor.listen(s.config.backlog, error);
    if (error) return failure(detail::listen_error(error));
    const auto bound = s.acceptor.local_endpoint(error);
    if (error) return failure(detail::listen_error(error));
    s.local = to_mydht(bound);
    return {};
}

task<result<any_listener>> listen(environment env, tcp_config config, address at) {
    if (at.kind() != address_kind::tcp) co_return failure(errc::unsupported_address);
    auto state = std::make_shared<listener_state>(std::move(env), config);
    if (const auto opened = open_listener(*state, detail::to_endpoint<tcp::endpoint>(at)); !opened)
        co_return failure(opened.error());
    co_return any_listener(tcp_listener(std::move(state)));
}

task<result<any_connection>> connect(environment env, tcp_config config, address to) {
    if (to.kind() != address_kind::tcp) co_return failure(errc::unsupported_address);
    if (to.is_wildcard() || to.port() == 0) co_return failure(errc::address_not_available);
    tcp::socket socket(env.exec);
    const auto endpoint = detail::to_endpoint<tcp::endpoint>(to);
    const auto [error] = co_await socket.async_connect(endpoint, as_result);
    if (error == asio::error::operation_aborted) throw_cancelled();
    if (error) co_return failure(detail::connect_error(error));
    auto made = make_connection(std::move(socket), config);
    // A dial of a port that nobody listens at can be given that same port as its own end and meet itself.
    if (made && made->local() == made->remote()) co_return failure(errc::connection_refused);
    co_return made;
}

class tcp_transport {
public:
    tcp_transport(environment env, tcp_config config) : env_(std::move(env)), config_(config) {}

    [[nodiscard]] address_kind kind() const { return address_kind::tcp; }
    task<result<any_listener>> listen(address at) { return mydht::listen(env_, config_, at); }
    task<result<any_connection>> connect(address to) { return mydht::connect(env_, config_, to); }

private:
    environment env_;
    tcp_config config_;
};

}  // namespace

any_transport make_tcp(environment env, tcp_config config) {
    if (config.backlog < 1) throw std::invalid_argument("tcp_config: backlog must be at least 1");
    if (config.unsent_bytes_max < 0) throw std::invalid_argument("tcp_config: unsent_bytes_max must not be negative");
    if (config.shortage_pause <= std::chrono::milliseconds(0)) {
        throw std::invalid_argument("tcp_config: shortage_pause must be longer than nothing");
    }
    return any_transport(tcp_transport(std::move(env), config));
}

}  // namespace mydht
