#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include <mydht/core/address.hpp>
#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>
#include <mydht/runtime/task.hpp>

namespace mydht {

/// What one receive brought: a packet, or several of one source that lie behind one another.
struct datagrams {
    address from;
    std::size_t bytes = 0;         ///< in the buffer, all packets together
    std::size_t packet_bytes = 0;  ///< of each packet; the last one may be shorter
    /// No packet: the system says that nobody took what was sent to `from`. A hint that others can forge.
    bool refused = false;
};

/// A place that packets leave from and arrive at. What each member does is written at any_datagram_socket;
/// mydht/transport/datagram_conformance.hpp checks it.
template <typename S>
concept datagram_socket = requires(S socket, const S& unchanged, const address& to, bytes_span into, bytes_view data) {
    { socket.receive(into) } -> std::same_as<result<std::optional<datagrams>>>;
    { socket.wait_readable() } -> std::same_as<task<result<void>>>;
    { socket.send(to, data, std::size_t{}) } -> std::same_as<result<bool>>;
    { socket.wait_writable() } -> std::same_as<task<result<void>>>;
    { socket.close() } -> std::same_as<void>;
    { unchanged.local() } -> std::same_as<address>;
    { unchanged.packet_bytes_max() } -> std::same_as<std::size_t>;
    { unchanged.batch_bytes_max() } -> std::same_as<std::size_t>;
    requires std::movable<S>;
};

namespace detail {

class datagram_socket_base {
public:
    datagram_socket_base() = default;
    datagram_socket_base(const datagram_socket_base&) = delete;
    datagram_socket_base& operator=(const datagram_socket_base&) = delete;
    virtual ~datagram_socket_base() = default;

    virtual result<std::optional<datagrams>> receive(bytes_span into) = 0;
    virtual task<result<void>> wait_readable() = 0;
    virtual result<bool> send(const address& to, bytes_view data, std::size_t packet_bytes) = 0;
    virtual task<result<void>> wait_writable() = 0;
    virtual void close() = 0;
    [[nodiscard]] virtual address local() const = 0;
    [[nodiscard]] virtual std::size_t packet_bytes_max() const = 0;
    [[nodiscard]] virtual std::size_t batch_bytes_max() const = 0;
};

template <datagram_socket S>
class datagram_socket_model final : public datagram_socket_base {
public:
    explicit datagram_socket_model(S socket) : socket_(std::move(socket)) {}

    result<std::optional<datagrams>> receive(bytes_span into) override { return socket_.receive(into); }
    task<result<void>> wait_readable() override { return socket_.wait_readable(); }
    result<bool> send(const address& to, bytes_view data, std::size_t packet_bytes) override {
        return socket_.send(to, data, packet_bytes);
    }
    task<result<void>> wait_writable() override { return socket_.wait_writable(); }
    void close() override { socket_.close(); }
    [[nodiscard]] address local() const override { return socket_.local(); }
    [[nodiscard]] std::size_t packet_bytes_max() const override { return socket_.packet_bytes_max(); }
    [[nodiscard]] std::size_t batch_bytes_max() const override { return socket_.batch_bytes_max(); }

private:
    S socket_;
};

}  // namespace detail

/// Any datagram_socket behind one type. Moves; empty by default, and an empty one answers errc::closed. Its destructor
/// closes. All calls on the executor of the transport that made it; one wait_readable() and one wait_writable() at a
/// time, and the handle must stay where it is until they have ended. Packets may be lost, repeated and reordered, never
/// changed in length.
class any_datagram_socket {
public:
    any_datagram_socket() = default;

    template <typename S>
        requires(!std::same_as<S, any_datagram_socket> && datagram_socket<S>)
    explicit any_datagram_socket(S socket)
        : impl_(std::make_unique<detail::datagram_socket_model<S>>(std::move(socket))) {}

    any_datagram_socket(any_datagram_socket&&) noexcept = default;
    any_datagram_socket& operator=(any_datagram_socket&& other) noexcept;
    ~any_datagram_socket();

    /// Takes what has come, without waiting; nothing when there is nothing. A packet that is longer than `into` is
    /// dropped. Give it room for batch_bytes_max(), or the system cannot hand over several packets at once. Errors:
    /// errc::closed after close(), errc::network_failed when the socket is broken for good.
    [[nodiscard]] result<std::optional<datagrams>> receive(bytes_span into);

    /// Completes when receive() may have something. Errors: errc::closed (also when close() comes meanwhile),
    /// errc::network_failed. Cancelled: throws std::system_error(operation_aborted); the socket goes on.
    [[nodiscard]] task<result<void>> wait_readable();

    /// Sends `data` to one address, without waiting: cut into packets of `packet_bytes`, the last one may be shorter.
    /// At most batch_bytes_max() bytes in all, and packet_bytes_max() a packet. True when all of it was taken (which
    /// says nothing about the peer), false when there is no room now and nothing of it was. Errors: errc::closed,
    /// errc::too_large for a packet that no way leads through, errc::unreachable, errc::unsupported_address for another
    /// kind or family, errc::bad_argument for nothing to send, errc::network_failed; the socket is good for other
    /// addresses. The memory is free again when this returns.
    [[nodiscard]] result<bool> send(const address& to, bytes_view data, std::size_t packet_bytes);

    /// Completes when send() may find room again. Errors and cancellation as wait_readable().
    [[nodiscard]] task<result<void>> wait_writable();

    /// Nothing goes or comes any more; waits complete with errc::closed, never from within this call. May be called
    /// again.
    void close();

    /// Where packets arrive, with the port that was chosen for port 0; a wildcard stays one. Also valid after close().
    [[nodiscard]] address local() const;
    /// The longest packet that the transport carries.
    [[nodiscard]] std::size_t packet_bytes_max() const;
    /// The most bytes of one send(), and of one receive(). At least packet_bytes_max().
    [[nodiscard]] std::size_t batch_bytes_max() const;

    [[nodiscard]] bool empty() const noexcept { return impl_ == nullptr; }
    [[nodiscard]] explicit operator bool() const noexcept { return impl_ != nullptr; }

private:
    std::unique_ptr<detail::datagram_socket_base> impl_;
};

/// How packets travel between addresses of one kind: the seam that a user's own transport fills.
template <typename T>
concept datagram_transport = requires(T transport, const T& unchanged, address where) {
    { unchanged.kind() } -> std::same_as<address_kind>;
    { unchanged.anywhere(where) } -> std::same_as<address>;
    { transport.open(where) } -> std::same_as<task<result<any_datagram_socket>>>;
    requires std::movable<T>;
};

namespace detail {

class datagram_transport_base {
public:
    datagram_transport_base() = default;
    datagram_transport_base(const datagram_transport_base&) = delete;
    datagram_transport_base& operator=(const datagram_transport_base&) = delete;
    virtual ~datagram_transport_base() = default;

    [[nodiscard]] virtual address_kind kind() const = 0;
    [[nodiscard]] virtual address anywhere(const address& towards) const = 0;
    virtual task<result<any_datagram_socket>> open(address at) = 0;
    [[nodiscard]] virtual std::optional<bool> has_address(const address& at) const = 0;
    [[nodiscard]] virtual bool simulated() const = 0;
};

template <datagram_transport T>
class datagram_transport_model final : public datagram_transport_base {
public:
    explicit datagram_transport_model(T transport) : transport_(std::move(transport)) {}

    [[nodiscard]] address_kind kind() const override { return transport_.kind(); }
    [[nodiscard]] address anywhere(const address& towards) const override { return transport_.anywhere(towards); }
    task<result<any_datagram_socket>> open(address at) override { return transport_.open(at); }
    [[nodiscard]] std::optional<bool> has_address(const address& at) const override {
        if constexpr (requires(const T& unchanged) {
                          { unchanged.has_address(at) } -> std::same_as<std::optional<bool>>;
                      }) {
            return transport_.has_address(at);
        } else {
            return std::nullopt;
        }
    }
    [[nodiscard]] bool simulated() const override {
        if constexpr (requires(const T& unchanged) {
                          { unchanged.simulated() } -> std::same_as<bool>;
                      }) {
            return transport_.simulated();
        } else {
            return false;
        }
    }

private:
    T transport_;
};

}  // namespace detail

/// Any datagram_transport behind one type. Copies share the transport. All calls on the executor that the transport was
/// made for; it must outlive its own operations, but not its sockets.
class any_datagram_transport {
public:
    any_datagram_transport() = default;

    template <typename T>
        requires(!std::same_as<T, any_datagram_transport> && datagram_transport<T>)
    explicit any_datagram_transport(T transport)
        : impl_(std::make_shared<detail::datagram_transport_model<T>>(std::move(transport))) {}

    /// The kind of its addresses; address_kind::none for an empty handle.
    [[nodiscard]] address_kind kind() const;

    /// Where to open a socket for somebody who only wants to reach `towards`: port 0 of the wildcard host of its
    /// family, or of loopback for a loopback address.
    [[nodiscard]] address anywhere(const address& towards) const;

    /// Completes with a socket at this address. Port 0 lets the system choose.
    /// Errors: errc::unsupported_address for another kind, errc::address_in_use, errc::address_not_available,
    /// errc::address_not_permitted, errc::out_of_descriptors, errc::network_failed. Cancelled: nothing is open.
    [[nodiscard]] task<result<any_datagram_socket>> open(address at);

    /// Whether an interface that is up has the host of `at` now. A socket bound there outlives its interface or address
    /// without a word: nothing arrives any more, and sends fail as if the other side could not be reached, or go
    /// nowhere. Nothing where that cannot be told, and for a wildcard. A transport tells by a member of this name;
    /// without it the answer is nothing.
    [[nodiscard]] std::optional<bool> has_address(const address& at) const;

    /// True when no byte leaves the program; see any_transport::simulated().
    [[nodiscard]] bool simulated() const;

    [[nodiscard]] bool empty() const noexcept { return impl_ == nullptr; }
    [[nodiscard]] explicit operator bool() const noexcept { return impl_ != nullptr; }

private:
    std::shared_ptr<detail::datagram_transport_base> impl_;
};

}  // namespace mydht
