#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <thread>
#include <utility>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <mydht/runtime/task.hpp>
#include <mydht/runtime/wait_queue.hpp>

namespace mydht::detail {

/// Threads for what blocks: as many as were taken at a time, so that nothing that has taken some waits for one. Used by
/// one executor. Its destructor waits for the calls under way; they hold nothing that keeps it alive.
class blocking_threads {
public:
    explicit blocking_threads(std::size_t connections_max) : connections_max_(connections_max) {}
    blocking_threads(const blocking_threads&) = delete;
    blocking_threads& operator=(const blocking_threads&) = delete;
    ~blocking_threads();

    /// False when there is no room for another connection, or the system gives no more threads.
    [[nodiscard]] bool take_connection();
    void give_back_connection() noexcept;
    [[nodiscard]] bool take_listener();
    void give_back_listener() noexcept;

    [[nodiscard]] executor where() { return context_.get_executor(); }
    /// Woken when a connection ended.
    [[nodiscard]] wait_queue& freed() noexcept { return freed_; }

private:
    [[nodiscard]] bool start_threads(std::size_t count);

    std::size_t connections_max_;
    std::size_t connections_ = 0;
    std::size_t listeners_ = 0;
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(context_);
    std::list<std::thread> threads_;
    wait_queue freed_;
};

using blocking_threads_ptr = std::shared_ptr<blocking_threads>;

/// The threads of one connection or one listener, given back when this goes.
class taken_threads {
public:
    using give_back = void (blocking_threads::*)() noexcept;

    /// Of threads that were taken already.
    taken_threads(blocking_threads_ptr of, give_back how) : of_(std::move(of)), how_(how) {}
    taken_threads(taken_threads&&) noexcept = default;
    taken_threads& operator=(taken_threads&&) = delete;
    ~taken_threads() {
        if (of_) (of_.get()->*how_)();
    }

    [[nodiscard]] const blocking_threads_ptr& of() const noexcept { return of_; }

private:
    blocking_threads_ptr of_;
    give_back how_;
};

}  // namespace mydht::detail
