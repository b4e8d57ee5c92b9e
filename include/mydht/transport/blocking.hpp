#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <utility>

#include <mydht/core/address.hpp>
#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/transport/transport.hpp>

namespace mydht {

/// A stream whose calls block: what make_blocking() turns into an any_connection. read() and write() come from two
/// threads at once; close() and the rest from any. Destroyed when close() was called and no call is under way.
class blocking_connection {
public:
    blocking_connection() = default;
    blocking_connection(const blocking_connection&) = delete;
    blocking_connection& operator=(const blocking_connection&) = delete;
    virtual ~blocking_connection() = default;

    /// Waits for at least one byte; the count. Errors as any_connection::read_some(). `into` is never empty.
    [[nodiscard]] virtual result<std::size_t> read(bytes_span into) = 0;
    /// Waits until all of it was taken. Errors as any_connection::write(). `data` is never empty.
    [[nodiscard]] virtual result<void> write(bytes_view data) = 0;
    [[nodiscard]] virtual result<void> shutdown_write() = 0;

    /// Makes the calls that block in other threads return soon, and later ones at once. Does not block itself. What the
    /// calls use (a descriptor that another thread could be given again) is set free by the destructor.
    virtual void close() noexcept = 0;

    [[nodiscard]] virtual address local() const = 0;
    [[nodiscard]] virtual address remote() const = 0;
};

/// What make_blocking() turns into an any_listener. accept() comes from one thread at a time, close() from any.
class blocking_listener {
public:
    blocking_listener() = default;
    blocking_listener(const blocking_listener&) = delete;
    blocking_listener& operator=(const blocking_listener&) = delete;
    virtual ~blocking_listener() = default;

    /// Waits for the next connection. What goes wrong with single ones is dealt with inside. Errors: errc::closed after
    /// close(), errc::network_failed when the listener is broken for good.
    [[nodiscard]] virtual result<std::unique_ptr<blocking_connection>> accept() = 0;
    /// As blocking_connection::close(). The address is free when this returns.
    virtual void close() noexcept = 0;
    [[nodiscard]] virtual address local() const = 0;
};

/// How blocking streams are made. listen() and connect() may block, and come from several threads at once. connect()
/// returns soon when a stop is requested (with any error). Their errors are those of any_transport.
template <typename T>
concept blocking_transport = requires(T& transport, const T& unchanged, const address& where, std::stop_token stop) {
    { unchanged.kind() } -> std::same_as<address_kind>;
    { transport.listen(where) } -> std::same_as<result<std::unique_ptr<blocking_listener>>>;
    { transport.connect(where, stop) } -> std::same_as<result<std::unique_ptr<blocking_connection>>>;
    requires std::movable<T>;
};

/// Settings of the adapter.
struct blocking_config {
    /// Connections that are open or being made. Each has two threads, one that reads and one that writes, and each
    /// listener has one: what waits for a peer must not keep from working what other peers wait for. A dial over the
    /// limit is errc::out_of_descriptors; a listener over it accepts when others have ended.
    std::size_t connections_max = 128;
};

namespace detail {

class blocking_transport_base {
public:
    blocking_transport_base() = default;
    blocking_transport_base(const blocking_transport_base&) = delete;
    blocking_transport_base& operator=(const blocking_transport_base&) = delete;
    virtual ~blocking_transport_base() = default;

    [[nodiscard]] virtual address_kind kind() const = 0;
    virtual result<std::unique_ptr<blocking_listener>> listen(const address& at) = 0;
    virtual result<std::unique_ptr<blocking_connection>> connect(const address& to, std::stop_token stop) = 0;
};

template <blocking_transport T>
class blocking_transport_model final : public blocking_transport_base {
public:
    explicit blocking_transport_model(T transport) : transport_(std::move(transport)) {}

    [[nodiscard]] address_kind kind() const override { return transport_.kind(); }
    result<std::unique_ptr<blocking_listener>> listen(const address& at) override { return transport_.listen(at); }
    result<std::unique_ptr<blocking_connection>> connect(const address& to, std::stop_token stop) override {
        return transport_.connect(to, std::move(stop));
    }

private:
    T transport_;
};

[[nodiscard]] any_transport make_blocking(environment env, std::shared_ptr<blocking_transport_base> transport,
                                          blocking_config config);

}  // namespace detail

/// A transport whose calls block, behind the same face as all others. It works on threads of its own, not on
/// `env.workers`: those are few, and streams that wait for peers would take them all. The threads start when they are
/// needed, are used again, and end with the last handle of the transport, its listeners and its connections, which
/// waits for calls that were told to return. Bytes are copied once more than elsewhere, because a call goes on when
/// whoever waited for it is cancelled. Throws std::invalid_argument when a field of the configuration can never work,
/// naming it.
template <blocking_transport T>
[[nodiscard]] any_transport make_blocking(environment env, T transport, blocking_config config = {}) {
    auto shared = std::make_shared<detail::blocking_transport_model<T>>(std::move(transport));
    return detail::make_blocking(std::move(env), std::move(shared), config);
}

}  // namespace mydht
