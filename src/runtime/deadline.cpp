#include <mydht/runtime/deadline.hpp>

#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

#include "runtime/cancellation.hpp"

namespace mydht::detail {

namespace {

using until_signature = void(std::exception_ptr, bool);
using until_handler = asio::async_result<asio::use_awaitable_t<>, until_signature>::handler_type;

/// The child and who waits for it. Owned by the child's completion, so that it goes with the child's frames.
class until final : public alarm, public std::enable_shared_from_this<until> {
public:
    until(time_source& on, until_handler handler) : on_(on), handler_(std::move(handler)) {}
    ~until() {
        if (armed()) on_.disarm(*this);
    }

    void start(steady_time deadline, task<> work) {
        const auto self = shared_from_this();
        const auto executor = asio::get_associated_executor(handler_);
        auto slot = asio::get_associated_cancellation_slot(handler_);
        if (slot.is_connected()) {
            slot.assign([weak = std::weak_ptr<until>(self)](asio::cancellation_type) {
                // A spawned coroutine obeys nothing less.
                if (const auto op = weak.lock()) op->signal_.emit(asio::cancellation_type::terminal);
            });
        }
        on_.arm(*this, deadline);
        asio::co_spawn(executor, std::move(work), asio::bind_cancellation_slot(signal_.slot(), finish{self}));
    }

    void fire() noexcept override {
        expired_ = true;
        signal_.emit(asio::cancellation_type::terminal);
    }

private:
    struct finish {
        std::shared_ptr<until> op;
        void operator()(std::exception_ptr error) { op->complete(std::move(error)); }
    };

    void complete(std::exception_ptr error) {
        if (armed()) on_.disarm(*this);
        auto slot = asio::get_associated_cancellation_slot(handler_);
        if (slot.is_connected()) slot.clear();
        bool in_time = true;
        if (expired_ && is_cancellation(error)) {
            error = nullptr;
            in_time = false;
        }
        const auto executor = asio::get_associated_executor(handler_);
        asio::post(executor, [handler = std::move(handler_), error = std::move(error), in_time]() mutable {
            handler(std::move(error), in_time);
        });
    }

    time_source& on_;
    until_handler handler_;
    asio::cancellation_signal signal_;
    bool expired_ = false;
};

}  // namespace

task<bool> run_until(time_source& on, steady_time deadline, task<> work) {
    auto initiation = [&on, deadline](until_handler handler, task<> child) {
        std::make_shared<until>(on, std::move(handler))->start(deadline, std::move(child));
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, until_signature>(std::move(initiation),
                                                                                asio::use_awaitable, std::move(work));
}

}  // namespace mydht::detail
