#include <mydht/runtime/errand.hpp>

#include <utility>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/dispatch.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>

namespace mydht {

namespace {

task<> obey_cancellation(task<> work) {
    // A spawned coroutine would obey terminal cancellation only.
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_await std::move(work);
}

class spawned_errand final : public errand, public std::enable_shared_from_this<spawned_errand> {
public:
    spawned_errand(executor on, task<> work, std::function<void(const std::exception_ptr&)> done)
        : on_(std::move(on)), work_(std::move(work)), done_(std::move(done)) {}

    void start() override {
        asio::dispatch(on_, [self = shared_from_this()] {
            auto child = obey_cancellation(std::move(self->work_));
            asio::co_spawn(self->on_, std::move(child),
                           asio::bind_cancellation_slot(self->signal_.slot(), finish(self)));
        });
    }

    void cancel() override {
        asio::post(on_, [self = shared_from_this()] {
            if (self->done_) self->signal_.emit(asio::cancellation_type::total);
        });
    }

private:
    struct finish {
        explicit finish(std::shared_ptr<spawned_errand> self_) : self(std::move(self_)) {}
        void operator()(const std::exception_ptr& error) const {
            const auto done = std::exchange(self->done_, nullptr);
            done(error);
        }

        std::shared_ptr<spawned_errand> self;
    };

    executor on_;
    // Touched on the executor only, from start() on.
    task<> work_;
    std::function<void(const std::exception_ptr&)> done_;
    asio::cancellation_signal signal_;
};

}  // namespace

std::shared_ptr<errand> make_errand(executor on, task<> work, std::function<void(const std::exception_ptr&)> done) {
    return std::make_shared<spawned_errand>(std::move(on), std::move(work), std::move(done));
}

}  // namespace mydht
