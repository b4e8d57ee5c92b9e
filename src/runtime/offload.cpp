#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>

#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/error.hpp>
#include <asio/execution_context.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

#include <mydht/runtime/run_on.hpp>

#include "runtime/cancellation.hpp"

namespace mydht::detail {

namespace {

using offload_signature = void(std::exception_ptr);
using offload_handler = asio::async_result<asio::use_awaitable_t<>, offload_signature>::handler_type;

/// What a worker and the caller's io_context share, so that neither touches the other when it is gone: a worker
/// announces that it posts, and a context that goes down waits for those that do and stops the others from doing it.
class doorway {
public:
    /// False when the context is down.
    [[nodiscard]] bool enter() {
        const std::scoped_lock lock(mutex_);
        if (down_) return false;
        ++inside_;
        return true;
    }
    void leave() {
        const std::scoped_lock lock(mutex_);
        --inside_;
        left_.notify_all();
    }
    void shut() {
        std::unique_lock lock(mutex_);
        down_ = true;
        left_.wait(lock, [this] { return inside_ == 0; });
    }

private:
    std::mutex mutex_;
    std::condition_variable left_;
    std::size_t inside_ = 0;
    bool down_ = false;
};

/// One job that somebody waits for. The handler and the tracked executor are touched by the caller's thread only; a
/// worker never destroys a coroutine, nor the last thing that keeps an io_context running.
struct waiting_job {
    std::optional<offload_handler> handler;
    asio::any_io_executor work;

    std::optional<offload_handler> take() {
        std::optional<offload_handler> out;
        if (!handler) return out;
        auto slot = asio::get_associated_cancellation_slot(*handler);
        if (slot.is_connected()) slot.clear();
        out.emplace(std::move(*handler));
        handler.reset();
        return out;
    }

    void complete(std::exception_ptr error) {
        auto taken = take();
        const auto keeps_running = std::exchange(work, {});
        if (taken) (*taken)(std::move(error));
    }
};

/// The jobs that coroutines of one io_context wait for.
class offload_service final : public asio::execution_context::service {
public:
    static asio::execution_context::id id;

    explicit offload_service(asio::execution_context& context) : asio::execution_context::service(context) {}

    [[nodiscard]] const std::shared_ptr<doorway>& door() const noexcept { return door_; }

    /// Kept until it is over, so that a context that goes down finds the coroutine. From any thread of the context.
    void add(const std::shared_ptr<waiting_job>& job) {
        const std::scoped_lock lock(mutex_);
        std::erase_if(jobs_, [](const std::weak_ptr<waiting_job>& one) { return one.expired(); });
        jobs_.push_back(job);
    }

private:
    void shutdown() override {
        door_->shut();
        for (const auto& one : std::exchange(jobs_, {})) {
            const auto job = one.lock();
            if (!job) continue;
            const auto destroyed = job->take();
            job->work = {};
        }
    }

    std::shared_ptr<doorway> door_ = std::make_shared<doorway>();
    std::mutex mutex_;
    std::list<std::weak_ptr<waiting_job>> jobs_;
};

asio::execution_context::id offload_service::id;

void begin(offload_handler handler, const executor& workers, std::function<void()> work) {
    const asio::any_io_executor home = asio::get_associated_executor(handler);
    auto& service = asio::use_service<offload_service>(asio::query(home, asio::execution::context));
    const auto job = std::make_shared<waiting_job>();
    job->work = asio::prefer(home, asio::execution::outstanding_work.tracked);
    job->handler.emplace(std::move(handler));
    service.add(job);

    auto slot = asio::get_associated_cancellation_slot(*job->handler);
    if (slot.is_connected()) {
        slot.assign([weak = std::weak_ptr<waiting_job>(job), home](asio::cancellation_type) {
            // Taking the handler clears the slot, and with it this function and what it holds.
            const auto kept = weak.lock();
            const auto back = home;
            auto taken = kept ? kept->take() : std::nullopt;
            if (!taken) return;
            asio::post(back, [kept, handler = std::move(*taken)]() mutable {
                const auto keeps_running = std::exchange(kept->work, {});
                handler(make_cancellation());
            });
        });
    }
    asio::post(workers, [job, home, door = service.door(), work = std::move(work)]() mutable {
        std::exception_ptr error;
        try {
            work();
        } catch (...) {
            error = std::current_exception();
        }
        // What the function holds is destroyed here, before the caller goes on.
        work = nullptr;
        if (!door->enter()) return;
        asio::post(home,
                   [job = std::move(job), error = std::move(error)]() mutable { job->complete(std::move(error)); });
        door->leave();
    });
}

}  // namespace

task<> offload_void(executor workers, std::function<void()> work) {
    auto initiation = [](offload_handler handler, const executor& there, std::function<void()> job) {
        begin(std::move(handler), there, std::move(job));
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, offload_signature>(
        std::move(initiation), asio::use_awaitable, std::move(workers), std::move(work));
}

}  // namespace mydht::detail
