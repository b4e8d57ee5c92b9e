#include <mydht/runtime/wait_queue.hpp>

#include <mutex>
#include <optional>

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/error.hpp>
#include <asio/execution_context.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

namespace mydht {

namespace detail {

namespace {

using wait_signature = void(std::error_code, bool);
using wait_handler = asio::async_result<asio::use_awaitable_t<>, wait_signature>::handler_type;

}  // namespace

/// Knows all waits of an io_context, because a waiter is no operation of Asio's: when the context goes down, it must
/// destroy the coroutines that wait here, as Asio does with those that wait for its own operations.
class wait_service final : public asio::execution_context::service {
public:
    static asio::execution_context::id id;

    explicit wait_service(asio::execution_context& context) : asio::execution_context::service(context) {}

    void add(waiter& w);
    void remove(waiter& w) noexcept;

private:
    void shutdown() override;

    // Nodes on several threads may share one io_context; this is the only thing that they share here.
    std::mutex mutex_;
    waiter* first_ = nullptr;
};

asio::execution_context::id wait_service::id;

/// One wait. Lives in the frame of the coroutine that waits; owns the handler that resumes it.
class waiter final : public alarm {
public:
    waiter(wait_queue& queue, time_source* on, steady_time deadline) : queue_(&queue), on_(on), deadline_(deadline) {}
    ~waiter() { leave(); }

    [[nodiscard]] task<bool> start();

    void notify() { complete({}, true); }
    void cancel() { complete(asio::error::operation_aborted, false); }
    void fire() noexcept override { complete({}, false); }

    /// Leaves the queue and the clock, and hands over the handler, if the wait is not over.
    std::optional<wait_handler> leave() noexcept;

    waiter* queue_previous = nullptr;
    waiter* queue_next = nullptr;
    waiter* service_previous = nullptr;
    waiter* service_next = nullptr;

private:
    friend class mydht::wait_queue;

    void initiate(wait_handler handler);
    void complete(std::error_code error, bool woken);

    wait_queue* queue_;
    time_source* on_;
    steady_time deadline_;
    wait_service* service_ = nullptr;
    std::optional<wait_handler> handler_;
    // Keeps io_context::run() going while somebody waits.
    asio::any_io_executor work_;
};

void wait_service::add(waiter& w) {
    const std::scoped_lock lock(mutex_);
    w.service_next = first_;
    if (first_ != nullptr) first_->service_previous = &w;
    first_ = &w;
}

void wait_service::remove(waiter& w) noexcept {
    const std::scoped_lock lock(mutex_);
    if (w.service_previous != nullptr) {
        w.service_previous->service_next = w.service_next;
    } else {
        first_ = w.service_next;
    }
    if (w.service_next != nullptr) w.service_next->service_previous = w.service_previous;
    w.service_previous = nullptr;
    w.service_next = nullptr;
}

void wait_service::shutdown() {
    // One at a time: destroying one coroutine may destroy others that wait.
    while (first_ != nullptr) {
        const auto handler = first_->leave();
    }
}

task<bool> waiter::start() {
    auto initiation = [this](wait_handler handler) { initiate(std::move(handler)); };
    return asio::async_initiate<const asio::use_awaitable_t<>, wait_signature>(std::move(initiation),
                                                                               asio::use_awaitable);
}

void waiter::initiate(wait_handler handler) {
    const auto on = asio::get_associated_executor(handler);
    work_ = asio::prefer(asio::any_io_executor(on), asio::execution::outstanding_work.tracked);
    service_ = &asio::use_service<wait_service>(asio::query(work_, asio::execution::context));
    handler_.emplace(std::move(handler));
    service_->add(*this);

    queue_previous = queue_->last_;
    if (queue_->last_ != nullptr) {
        queue_->last_->queue_next = this;
    } else {
        queue_->first_ = this;
    }
    queue_->last_ = this;

    if (on_ != nullptr) on_->arm(*this, deadline_);
    auto slot = asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected()) {
        slot.assign([this](asio::cancellation_type type) {
            if (type != asio::cancellation_type::none) cancel();
        });
    }
}

std::optional<wait_handler> waiter::leave() noexcept {
    if (!handler_) return std::nullopt;
    if (armed()) on_->disarm(*this);
    if (queue_ != nullptr) queue_->unlink(*this);
    queue_ = nullptr;
    service_->remove(*this);
    auto slot = asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected()) slot.clear();
    std::optional<wait_handler> handler(std::move(*handler_));
    handler_.reset();
    return handler;
}

void waiter::complete(std::error_code error, bool woken) {
    auto handler = leave();
    if (!handler) return;
    const auto on = std::move(work_);
    asio::post(on, [handler = std::move(*handler), error, woken]() mutable { handler(error, woken); });
}

namespace {

task<bool> wait_in(wait_queue& queue, time_source* on, steady_time deadline) {
    waiter w(queue, on, deadline);
    const bool woken = co_await w.start();
    co_return woken;
}

task<> wait_forever(wait_queue& queue) {
    waiter w(queue, nullptr, {});
    co_await w.start();
}

}  // namespace

}  // namespace detail

wait_queue::~wait_queue() {
    while (first_ != nullptr) first_->cancel();
}

void wait_queue::unlink(detail::waiter& w) noexcept {
    (w.queue_previous != nullptr ? w.queue_previous->queue_next : first_) = w.queue_next;
    (w.queue_next != nullptr ? w.queue_next->queue_previous : last_) = w.queue_previous;
    w.queue_previous = nullptr;
    w.queue_next = nullptr;
}

task<> wait_queue::wait() { return detail::wait_forever(*this); }

task<bool> wait_queue::wait_until(time_source& on, steady_time deadline) {
    return detail::wait_in(*this, &on, deadline);
}

void wait_queue::notify_one() {
    if (first_ != nullptr) first_->notify();
}

void wait_queue::notify_all() {
    while (first_ != nullptr) first_->notify();
}

}  // namespace mydht
