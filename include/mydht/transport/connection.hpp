#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <utility>

#include <mydht/core/address.hpp>
#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>
#include <mydht/runtime/task.hpp>

namespace mydht {

/// An ordered, reliable, bidirectional stream of bytes to one peer. What each member does is written at any_connection;
/// mydht/transport/conformance.hpp checks it. `movable` comes last, here and in the other concepts: clang asks them
/// of result<any_connection> while that type is incomplete, and then the members already say no.
template <typename C>
concept stream_connection = requires(C connection, const C& unchanged, bytes_span into, bytes_view data) {
    { connection.read_some(into) } -> std::same_as<task<result<std::size_t>>>;
    { connection.write(data) } -> std::same_as<task<result<void>>>;
    { connection.shutdown_write() } -> std::same_as<task<result<void>>>;
    { connection.close() } -> std::same_as<void>;
    { unchanged.local() } -> std::same_as<address>;
    { unchanged.remote() } -> std::same_as<address>;
    requires std::movable<C>;
};

namespace detail {

class connection_base {
public:
    connection_base() = default;
    connection_base(const connection_base&) = delete;
    connection_base& operator=(const connection_base&) = delete;
    virtual ~connection_base() = default;

    virtual task<result<std::size_t>> read_some(bytes_span into) = 0;
    virtual task<result<void>> write(bytes_view data) = 0;
    virtual task<result<void>> shutdown_write() = 0;
    virtual void close() = 0;
    [[nodiscard]] virtual address local() const = 0;
    [[nodiscard]] virtual address remote() const = 0;
};

template <stream_connection C>
class connection_model final : public connection_base {
public:
    explicit connection_model(C connection) : connection_(std::move(connection)) {}

    task<result<std::size_t>> read_some(bytes_span into) override { return connection_.read_some(into); }
    task<result<void>> write(bytes_view data) override { return connection_.write(data); }
    task<result<void>> shutdown_write() override { return connection_.shutdown_write(); }
    void close() override { connection_.close(); }
    [[nodiscard]] address local() const override { return connection_.local(); }
    [[nodiscard]] address remote() const override { return connection_.remote(); }

private:
    C connection_;
};

}  // namespace detail

/// Any stream_connection behind one type. Moves; empty by default, and an empty one answers errc::closed. Its
/// destructor closes. All calls on the executor of the transport that made it. At most one read and at most one write
/// (shutdown_write() counts as one) may be under way at a time; they do not wait for each other. The handle must stay
/// where it is until they have ended.
class any_connection {
public:
    any_connection() = default;

    template <typename C>
        requires(!std::same_as<C, any_connection> && stream_connection<C>)
    explicit any_connection(C connection)
        : impl_(std::make_unique<detail::connection_model<C>>(std::move(connection))) {}

    any_connection(any_connection&&) noexcept = default;
    any_connection& operator=(any_connection&& other) noexcept;
    ~any_connection();

    /// Reads at least one byte and at most `into.size()`; completes with the count as soon as there are any. An empty
    /// `into` gives 0 at once. Errors: errc::end_of_stream after the last byte when the peer ended its direction in
    /// order (again at every further read), errc::connection_reset, errc::closed after close(), errc::network_failed.
    /// Cancelled: throws std::system_error(operation_aborted); the connection is then good for close() only. The memory
    /// must live until the operation has ended.
    [[nodiscard]] task<result<std::size_t>> read_some(bytes_span into);

    /// Writes all of `data`; completes when the transport has taken it, which says nothing about the peer. Waits while
    /// the peer does not read: no transport keeps an unbounded amount. Empty data succeeds at once. Errors:
    /// errc::connection_reset, errc::closed after close() or shutdown_write(), errc::network_failed; an unknown part of
    /// the data may have left then. Cancelled: throws std::system_error(operation_aborted); the same holds, and the
    /// connection is good for close() only. The memory must live until the operation has ended.
    [[nodiscard]] task<result<void>> write(bytes_view data);

    /// Ends this direction in order: the peer reads what was written, then errc::end_of_stream. Reading goes on. May be
    /// called again. Errors: errc::connection_reset, errc::closed after close(), errc::network_failed.
    [[nodiscard]] task<result<void>> shutdown_write();

    /// Ends both directions now. Operations under way complete with errc::closed, never from within this call. Bytes
    /// written before still travel, then the peer reads errc::end_of_stream; a peer that goes on writing gets
    /// errc::connection_reset sooner or later. May be called again.
    void close();

    /// Also valid after close(). Empty for an empty handle, or where the transport's peers have no address.
    [[nodiscard]] address local() const;
    [[nodiscard]] address remote() const;

    [[nodiscard]] bool empty() const noexcept { return impl_ == nullptr; }
    [[nodiscard]] explicit operator bool() const noexcept { return impl_ != nullptr; }

private:
    std::unique_ptr<detail::connection_base> impl_;
};

}  // namespace mydht
