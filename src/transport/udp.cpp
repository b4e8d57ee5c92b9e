#include <mydht/transport/udp.hpp>

#include <stdexcept>
#include <tuple>

#include <asio/experimental/as_tuple.hpp>
#include <asio/ip/udp.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/socket_base.hpp>
#include <asio/use_awaitable.hpp>

#include <mydht/runtime/wait_queue.hpp>
#include <mydht/transport/interfaces.hpp>

#include "transport/asio_endpoint.hpp"
#include "transport/socket_address.hpp"
#include "transport/system_errors.hpp"
#include "transport/udp_calls.hpp"

namespace mydht {

namespace {

using asio::ip::udp;

constexpr auto as_result = asio::experimental::as_tuple(asio::use_awaitable);

/// What a socket's coroutines share with its handle.
struct socket_state {
    socket_state(environment env_, udp_config config_) : env(std::move(env_)), config(config_), socket(env.exec) {}

    environment env;
    udp_config config;
    udp::socket socket;
    detail::udp_calls calls;
    address local;
    wait_queue closing;
    bool closed = false;

    /// What an ended wait means; throws when the caller was cancelled.
    [[nodiscard]] result<void> ended(const std::error_code& error) const {
        if (closed) return failure(errc::closed);
        if (!error) return {};
        if (error == asio::error::operation_aborted) {
            throw std::system_error(std::error_code(asio::error::operation_aborted));
        }
        return failure(errc::network_failed);
    }
};

using state_ptr = std::shared_ptr<socket_state>;

task<result<void>> wait_readable(state_ptr s) {
    if (s->closed) co_return failure(errc::closed);
    if (s->calls.holds_something()) co_return result<void>();
    const auto [error] = co_await s->socket.async_wait(udp::socket::wait_read, as_result);
    s->calls.woken();
    // Errors of the socket are receive()'s to tell.
    const bool over = s->closed || error == asio::error::operation_aborted;
    co_return over ? s->ended(error) : result<void>();
}

task<result<void>> wait_writable(state_ptr s) {
    if (s->closed) co_return failure(errc::closed);
    if (s->calls.take_shortage()) {
        co_await s->closing.wait_until(*s->env.time, s->env.time->now() + s->config.shortage_pause);
        co_return s->ended({});
    }
    const auto [error] = co_await s->socket.async_wait(udp::socket::wait_write, as_result);
    co_return s->ended(error);
}

class udp_socket {
public:
    explicit udp_socket(state_ptr state) : state_(std::move(state)) {}

    result<std::optional<datagrams>> receive(bytes_span into) {
        if (state_->closed) return failure(errc::closed);
        return state_->calls.receive(into);
    }
    result<bool> send(const address& to, bytes_view data, std::size_t packet_bytes) {
        if (state_->closed) return failure(errc::closed);
        return state_->calls.send(to, data, packet_bytes);
    }
    task<result<void>> wait_readable() { return mydht::wait_readable(state_); }
    task<result<void>> wait_writable() { return mydht::wait_writable(state_); }
    [[nodiscard]] address local() const { return state_->local; }
    [[nodiscard]] std::size_t packet_bytes_max() const { return state_->calls.packet_bytes_max(); }
    [[nodiscard]] std::size_t batch_bytes_max() const { return state_->calls.batch_bytes_max(); }

    void close() {
        state_->closed = true;
        state_->closing.notify_all();
        std::error_code ignored;
        state_->socket.close(ignored);
    }

private:
    state_ptr state_;
};

result<void> open_socket(socket_state& s, const address& at) {
    const auto where = detail::to_endpoint<udp::endpoint>(at);
    std::error_code error;
    s.socket.open(where.protocol(), error);
    if (!error && at.is_ipv6()) s.socket.set_option(asio::ip::v6_only(true), error);
    if (!error) s.socket.native_non_blocking(true, error);
    if (!error) s.socket.bind(where, error);
    if (error) return failure(detail::listen_error(error));
    const auto bound = s.socket.local_endpoint(error);
    if (error) return failure(detail::listen_error(error));
    s.local = detail::from_system(*bound.data(), address_kind::udp);
    // Failing to set these costs speed only.
    std::error_code ignored;
    if (s.config.receive_buffer_bytes > 0) {
        s.socket.set_option(asio::socket_base::receive_buffer_size(s.config.receive_buffer_bytes), ignored);
    }
    if (s.config.send_buffer_bytes > 0) {
        s.socket.set_option(asio::socket_base::send_buffer_size(s.config.send_buffer_bytes), ignored);
    }
    s.calls.attach(s.socket.native_handle(), at.is_ipv6(), s.config.offload);
    return {};
}

task<result<any_datagram_socket>> open(environment env, udp_config config, address at) {
    if (at.kind() != address_kind::udp) co_return failure(errc::unsupported_address);
    auto state = std::make_shared<socket_state>(std::move(env), config);
    if (const auto opened = open_socket(*state, at); !opened) co_return failure(opened.error());
    co_return any_datagram_socket(udp_socket(std::move(state)));
}

class udp_transport {
public:
    udp_transport(environment env, udp_config config) : env_(std::move(env)), config_(config) {}

    [[nodiscard]] address_kind kind() const { return address_kind::udp; }

    [[nodiscard]] address anywhere(const address& towards) const {
        const bool inside = towards.is_ip() && scope_of(towards) == address_scope::loopback;
        if (!towards.is_ipv6()) {
            const std::array<std::uint8_t, 4> loopback{127, 0, 0, 1};
            return address::ipv4(address_kind::udp, inside ? loopback : std::array<std::uint8_t, 4>{}, 0);
        }
        std::array<std::uint8_t, 16> host{};
        host.back() = inside ? 1 : 0;
        return address::ipv6(address_kind::udp, host, 0);
    }

    task<result<any_datagram_socket>> open(address at) { return mydht::open(env_, config_, at); }

    [[nodiscard]] std::optional<bool> has_address(const address& at) const {
        if (at.kind() != address_kind::udp) return std::nullopt;
        return machine_has(at);
    }

private:
    environment env_;
    udp_config config_;
};

}  // namespace

any_datagram_transport make_udp(environment env, udp_config config) {
    if (config.receive_buffer_bytes < 0) {
        throw std::invalid_argument("udp_config: receive_buffer_bytes must not be negative");
    }
    if (config.send_buffer_bytes < 0) {
        throw std::invalid_argument("udp_config: send_buffer_bytes must not be negative");
    }
    if (config.shortage_pause <= std::chrono::milliseconds(0)) {
        throw std::invalid_argument("udp_config: shortage_pause must be longer than nothing");
    }
    return any_datagram_transport(udp_transport(std::move(env), config));
}

}  // namespace mydht
