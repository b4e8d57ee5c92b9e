#pragma once

#include <concepts>
#include <memory>
#include <utility>

#include <mydht/core/address.hpp>
#include <mydht/core/result.hpp>
#include <mydht/runtime/task.hpp>
#include <mydht/transport/connection.hpp>

namespace mydht {

/// A place where peers connect to. What each member does is written at any_listener.
template <typename L>
concept stream_listener = requires(L listener, const L& unchanged) {
    { listener.accept() } -> std::same_as<task<result<any_connection>>>;
    { listener.close() } -> std::same_as<void>;
    { unchanged.local() } -> std::same_as<address>;
    requires std::movable<L>;
};

namespace detail {

class listener_base {
public:
    listener_base() = default;
    listener_base(const listener_base&) = delete;
    listener_base& operator=(const listener_base&) = delete;
    virtual ~listener_base() = default;

    virtual task<result<any_connection>> accept() = 0;
    virtual void close() = 0;
    [[nodiscard]] virtual address local() const = 0;
};

template <stream_listener L>
class listener_model final : public listener_base {
public:
    explicit listener_model(L listener) : listener_(std::move(listener)) {}

    task<result<any_connection>> accept() override { return listener_.accept(); }
    void close() override { listener_.close(); }
    [[nodiscard]] address local() const override { return listener_.local(); }

private:
    L listener_;
};

}  // namespace detail

/// Any stream_listener behind one type. Moves; empty by default, and an empty one answers errc::closed. Its destructor
/// closes. All calls on the executor of the transport that made it; one accept() at a time, and the handle must stay
/// where it is until that has ended.
class any_listener {
public:
    any_listener() = default;

    template <typename L>
        requires(!std::same_as<L, any_listener> && stream_listener<L>)
    explicit any_listener(L listener) : impl_(std::make_unique<detail::listener_model<L>>(std::move(listener))) {}

    any_listener(any_listener&&) noexcept = default;
    any_listener& operator=(any_listener&& other) noexcept;
    ~any_listener();

    /// Completes with the next connection that a peer made. What goes wrong with single connections, and a lack of file
    /// descriptors, is dealt with inside. Errors: errc::closed after close(), errc::network_failed when the listener is
    /// broken for good. Cancelled: throws std::system_error(operation_aborted); the listener goes on.
    [[nodiscard]] task<result<any_connection>> accept();

    /// No connection comes in any more; an accept() under way completes with errc::closed, never from within this call.
    /// Accepted connections are not touched. May be called again.
    void close();

    /// The address that peers on the same machine or network can dial, with the port that was chosen for port 0; a
    /// wildcard stays one. Also valid after close().
    [[nodiscard]] address local() const;

    [[nodiscard]] bool empty() const noexcept { return impl_ == nullptr; }
    [[nodiscard]] explicit operator bool() const noexcept { return impl_ != nullptr; }

private:
    std::unique_ptr<detail::listener_base> impl_;
};

/// How streams are made from addresses of one kind: the seam that a user's own transport fills. What each member does
/// is written at any_transport; mydht/transport/conformance.hpp checks it.
template <typename T>
concept stream_transport = requires(T transport, const T& unchanged, address where) {
    { unchanged.kind() } -> std::same_as<address_kind>;
    { transport.listen(where) } -> std::same_as<task<result<any_listener>>>;
    { transport.connect(where) } -> std::same_as<task<result<any_connection>>>;
    requires std::movable<T>;
};

namespace detail {

class transport_base {
public:
    transport_base() = default;
    transport_base(const transport_base&) = delete;
    transport_base& operator=(const transport_base&) = delete;
    virtual ~transport_base() = default;

    [[nodiscard]] virtual address_kind kind() const = 0;
    virtual task<result<any_listener>> listen(address at) = 0;
    virtual task<result<any_connection>> connect(address to) = 0;
    [[nodiscard]] virtual bool simulated() const = 0;
};

template <typename T>
concept tells_simulated = requires(const T& unchanged) {
    { unchanged.simulated() } -> std::same_as<bool>;
};

template <stream_transport T>
class transport_model final : public transport_base {
public:
    explicit transport_model(T transport) : transport_(std::move(transport)) {}

    [[nodiscard]] address_kind kind() const override { return transport_.kind(); }
    task<result<any_listener>> listen(address at) override { return transport_.listen(at); }
    task<result<any_connection>> connect(address to) override { return transport_.connect(to); }
    [[nodiscard]] bool simulated() const override {
        if constexpr (tells_simulated<T>) {
            return transport_.simulated();
        } else {
            return false;
        }
    }

private:
    T transport_;
};

}  // namespace detail

/// Any stream_transport behind one type. Copies share the transport. All calls on the executor that the transport was
/// made for; it must outlive its own operations, but not its listeners and connections.
class any_transport {
public:
    any_transport() = default;

    template <typename T>
        requires(!std::same_as<T, any_transport> && stream_transport<T>)
    explicit any_transport(T transport) : impl_(std::make_shared<detail::transport_model<T>>(std::move(transport))) {}

    /// The kind of address that it dials and listens at; address_kind::none for an empty handle.
    [[nodiscard]] address_kind kind() const;

    /// Completes when peers can connect. Port 0 lets the system choose (see any_listener::local()).
    /// Errors: errc::unsupported_address for another kind, errc::address_in_use, errc::address_not_available,
    /// errc::address_not_permitted, errc::network_failed. Cancelled: nothing listens.
    [[nodiscard]] task<result<any_listener>> listen(address at);

    /// Completes when the connection stands. Has no deadline of its own beyond the system's: use with_deadline().
    /// Errors: errc::unsupported_address for another kind, errc::connection_refused, errc::unreachable (also when
    /// nothing answers for as long as the system waits), errc::address_not_available for an address that cannot be
    /// dialled, errc::network_failed. Cancelled: throws std::system_error(operation_aborted), no connection stays.
    [[nodiscard]] task<result<any_connection>> connect(address to);

    /// True when no byte leaves the program, so that insecure cryptography may stand in for the real one. A transport
    /// says so with a member `bool simulated() const`; without it the answer is no.
    [[nodiscard]] bool simulated() const;

    [[nodiscard]] bool empty() const noexcept { return impl_ == nullptr; }
    [[nodiscard]] explicit operator bool() const noexcept { return impl_ != nullptr; }

private:
    std::shared_ptr<detail::transport_base> impl_;
};

}  // namespace mydht
