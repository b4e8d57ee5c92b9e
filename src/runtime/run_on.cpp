#include <mydht/runtime/run_on.hpp>

#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

namespace mydht::detail {

namespace {

using hop_signature = void(std::exception_ptr);
using hop_handler = asio::async_result<asio::use_awaitable_t<>, hop_signature>::handler_type;

/// What both sides of a hop see. `signal` and `done` belong to the target's thread, `handler` to the caller's.
class crossing final : public std::enable_shared_from_this<crossing> {
public:
    crossing(executor target, hop_handler handler)
        : target_(std::move(target)),
          // Tracked: the caller's io_context must not run out of work while the other one does it.
          home_(asio::prefer(asio::any_io_executor(asio::get_associated_executor(handler)),
                             asio::execution::outstanding_work.tracked)),
          handler_(std::move(handler)) {}

    void start(task<> work) {
        const auto self = shared_from_this();
        auto slot = asio::get_associated_cancellation_slot(handler_);
        if (slot.is_connected()) {
            slot.assign([weak = std::weak_ptr<crossing>(self)](asio::cancellation_type) {
                if (const auto op = weak.lock()) op->cancel();
            });
        }
        // Started over there, so that the signal is touched on one thread only.
        asio::post(target_, [self, work = std::move(work)]() mutable {
            asio::co_spawn(self->target_, std::move(work),
                           asio::bind_cancellation_slot(self->signal_.slot(), finish{self}));
        });
    }

private:
    struct finish {
        std::shared_ptr<crossing> op;
        void operator()(std::exception_ptr error) {
            op->done_ = true;
            const auto home = op->home_;
            asio::post(home,
                       [op = std::move(op), error = std::move(error)]() mutable { op->come_back(std::move(error)); });
        }
    };

    void cancel() {
        asio::post(target_, [self = shared_from_this()] {
            // A spawned coroutine obeys nothing less.
            if (!self->done_) self->signal_.emit(asio::cancellation_type::terminal);
        });
    }

    void come_back(std::exception_ptr error) {
        auto slot = asio::get_associated_cancellation_slot(handler_);
        if (slot.is_connected()) slot.clear();
        auto handler = std::move(handler_);
        handler(std::move(error));
    }

    executor target_;
    executor home_;
    hop_handler handler_;
    asio::cancellation_signal signal_;
    bool done_ = false;
};

}  // namespace

task<bool> runs_on(executor target) {
    const auto here = co_await asio::this_coro::executor;
    co_return here == target;
}

task<> hop(executor target, task<> work) {
    auto initiation = [](hop_handler handler, executor there, task<> child) {
        std::make_shared<crossing>(std::move(there), std::move(handler))->start(std::move(child));
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, hop_signature>(
        std::move(initiation), asio::use_awaitable, std::move(target), std::move(work));
}

}  // namespace mydht::detail
