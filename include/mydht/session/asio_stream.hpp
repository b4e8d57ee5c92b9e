#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <system_error>
#include <type_traits>
#include <utility>

#include <asio/any_io_executor.hpp>
#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/buffer.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>

#include <mydht/runtime/errand.hpp>
#include <mydht/session/stream.hpp>

namespace mydht {

namespace detail {

/// Whoever waits for one operation, with its type erased.
class stream_waiter {
public:
    stream_waiter() = default;
    stream_waiter(const stream_waiter&) = delete;
    stream_waiter& operator=(const stream_waiter&) = delete;

    /// Hands the outcome to the handler's executor and goes. On any thread.
    virtual void complete(std::error_code failed, std::size_t count) = 0;
    /// Goes without completing.
    virtual void destroy() noexcept = 0;

protected:
    ~stream_waiter() = default;
};

struct stream_waiter_gone {
    void operator()(stream_waiter* w) const noexcept { w->destroy(); }
};
using stream_waiter_ptr = std::unique_ptr<stream_waiter, stream_waiter_gone>;

/// The memory of one operation: the first buffers of the sequence, which is what a single read or write looks at.
template <typename Buffer>
struct some_buffers {
    static constexpr std::size_t count_max = 16;

    template <typename Sequence>
    explicit some_buffers(const Sequence& sequence) {
        const auto end = asio::buffer_sequence_end(sequence);
        for (auto it = asio::buffer_sequence_begin(sequence); it != end && count < count_max; ++it) {
            const Buffer one(*it);
            if (one.size() > 0) all[count++] = one;
        }
    }

    std::array<Buffer, count_max> all{};
    std::size_t count = 0;
};

/// The operations, not begun. An errand that never begins destroys the waiter.
[[nodiscard]] std::shared_ptr<errand> make_read(const stream& from, const some_buffers<asio::mutable_buffer>& into,
                                                stream_waiter_ptr waiter);
[[nodiscard]] std::shared_ptr<errand> make_write(const stream& to, const some_buffers<asio::const_buffer>& data,
                                                 stream_waiter_ptr waiter);

/// A completion handler with its executor, allocator and cancellation slot.
template <typename Handler>
class handler_waiter final : public stream_waiter {
public:
    [[nodiscard]] static stream_waiter_ptr make(Handler handler, const executor& otherwise) {
        memory_of allocator(asio::get_associated_allocator(handler));
        auto* const place = std::allocator_traits<memory_of>::allocate(allocator, 1);
        // Handlers move without throwing, as Asio requires.
        return stream_waiter_ptr(new (place) handler_waiter(std::move(handler), otherwise));
    }

    handler_waiter(Handler handler, const executor& otherwise)
        : handler_(std::move(handler)), home_(asio::get_associated_executor(handler_, otherwise)) {}

    void complete(std::error_code failed, std::size_t count) override {
        auto home = std::move(home_);
        outcome what{std::move(handler_), failed, count};
        // The memory goes before the handler runs, which may begin the next operation in it.
        give_back(asio::get_associated_allocator(what.handler));
        asio::post(home.get_executor(), std::move(what));
    }

    void destroy() noexcept override {
        const auto handler = std::move(handler_);
        give_back(asio::get_associated_allocator(handler));
    }

private:
    using own_allocator = asio::associated_allocator_t<Handler>;
    using memory_of = typename std::allocator_traits<own_allocator>::template rebind_alloc<handler_waiter>;
    using home_executor = asio::associated_executor_t<Handler, executor>;

    struct outcome {
        using allocator_type = own_allocator;

        void operator()() {
            auto slot = asio::get_associated_cancellation_slot(handler);
            if (slot.is_connected()) slot.clear();
            std::move(handler)(failed, count);
        }
        [[nodiscard]] allocator_type get_allocator() const noexcept { return asio::get_associated_allocator(handler); }

        Handler handler;
        std::error_code failed;
        std::size_t count;
    };

    void give_back(const own_allocator& from) noexcept {
        memory_of allocator(from);
        std::allocator_traits<memory_of>::destroy(allocator, this);
        std::allocator_traits<memory_of>::deallocate(allocator, this, 1);
    }

    Handler handler_;
    asio::executor_work_guard<home_executor> home_;
};

}  // namespace detail

/// A stream for Asio's own algorithms: it has the requirements of AsyncReadStream and AsyncWriteStream, so that
/// asio::async_read, async_write, async_read_until, buffered_stream, ssl::stream and whatever else is built on them
/// work on it unchanged, with any completion token. Boost.Beast is built on Boost.Asio, whose types live in another
/// namespace than those of the standalone Asio used here: it needs a wrapper that calls these two operations with
/// Boost's buffers and error codes. Not for an empty handle. Handlers run on their associated executor, or else on the
/// one given here. A cancelled operation ends with asio::error::operation_aborted and leaves the stream usable;
/// cancellation slots may be emitted on the handler's thread. The end of the peer's bytes is asio::error::eof; other
/// errors are those of mydht::stream. One read and one write may be under way at a time, and their buffers live until
/// they have ended.
class asio_stream {
public:
    using executor_type = executor;
    /// What Asio's streams on top of others ask for: there is none below.
    using lowest_layer_type = asio_stream;

    /// `on`: what handlers run on that have no executor of their own; the stream's session's when it is not given.
    explicit asio_stream(stream s) : asio_stream(s, s.get_executor()) {}
    asio_stream(stream s, executor on) : stream_(std::move(s)), on_(std::move(on)) {}

    [[nodiscard]] executor_type get_executor() const noexcept { return on_; }
    [[nodiscard]] lowest_layer_type& lowest_layer() noexcept { return *this; }
    [[nodiscard]] const lowest_layer_type& lowest_layer() const noexcept { return *this; }
    [[nodiscard]] const stream& handle() const noexcept { return stream_; }
    [[nodiscard]] stream& handle() noexcept { return stream_; }

    template <typename MutableBufferSequence, typename CompletionToken>
    auto async_read_some(const MutableBufferSequence& buffers, CompletionToken&& token) {
        using some = detail::some_buffers<asio::mutable_buffer>;
        return asio::async_initiate<CompletionToken, void(std::error_code, std::size_t)>(
            initiation<some, detail::make_read>{stream_, on_}, token, some(buffers));
    }

    template <typename ConstBufferSequence, typename CompletionToken>
    auto async_write_some(const ConstBufferSequence& buffers, CompletionToken&& token) {
        using some = detail::some_buffers<asio::const_buffer>;
        return asio::async_initiate<CompletionToken, void(std::error_code, std::size_t)>(
            initiation<some, detail::make_write>{stream_, on_}, token, some(buffers));
    }

    /// stream::close().
    void close() { stream_.close(); }

private:
    template <typename Buffers, auto make>
    struct initiation {
        using executor_type = executor;

        [[nodiscard]] executor_type get_executor() const noexcept { return on; }

        template <typename Handler>
        void operator()(Handler&& handler, const Buffers& buffers) {
            auto slot = asio::get_associated_cancellation_slot(handler);
            auto waiter = detail::handler_waiter<std::decay_t<Handler>>::make(std::forward<Handler>(handler), on);
            const auto operation = make(of, buffers, std::move(waiter));
            if (slot.is_connected()) {
                slot.assign([weak = std::weak_ptr<errand>(operation)](asio::cancellation_type type) {
                    const auto running = type == asio::cancellation_type::none ? nullptr : weak.lock();
                    if (running) running->cancel();
                });
            }
            // Where handlers run on other threads, the operation may end, and whoever waited for it let the stream's
            // world go, before this call returns.
            of = stream();
            operation->start();
        }

        stream of;
        executor on;
    };

    stream stream_;
    executor on_;
};

}  // namespace mydht
