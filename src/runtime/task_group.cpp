#include <mydht/runtime/task_group.hpp>

#include <list>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <mydht/runtime/wait_queue.hpp>

#include "runtime/cancellation.hpp"

namespace mydht {

struct detail::group_child {
    group_child() = default;
    group_child(const group_child&) = delete;
    group_child& operator=(const group_child&) = delete;
    ~group_child() {
        if (handle != nullptr) handle->child_ = nullptr;
    }

    std::string_view name;
    asio::cancellation_signal signal;
    asio::cancellation_type wish = asio::cancellation_type::none;
    task_handle* handle = nullptr;
};

struct task_group::state {
    using position = std::list<detail::group_child>::iterator;

    /// What a group's coroutine does: nothing when the group was cancelled before it began. It obeys total cancellation from
    /// here on; a spawned coroutine would obey only terminal ones.
    static task<> run(std::shared_ptr<state> owner, position at, task<> work) {
        // co_spawn begins at once when it is called on the executor, amid what the caller is doing.
        co_await asio::post(owner->on, asio::use_awaitable);
        if ((owner->wish | at->wish) != asio::cancellation_type::none) co_return;
        co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
        co_await std::move(work);
    }

    executor on;
    error_handler on_error;
    std::list<detail::group_child> children;
    wait_queue joined;
    asio::cancellation_type wish = asio::cancellation_type::none;

    void emit(asio::cancellation_type type) {
        wish = wish | type;
        // A child that ends at once leaves the list.
        for (auto it = children.begin(); it != children.end();) (it++)->signal.emit(type);
    }

    void remove(position at) {
        children.erase(at);
        if (children.empty()) joined.notify_all();
    }

    void start(const std::shared_ptr<state>& self, std::string_view name, task_handle* handle, task<> work);
};

task_handle::~task_handle() {
    if (child_ != nullptr) child_->handle = nullptr;
}

void task_handle::cancel() {
    if (child_ == nullptr) return;
    auto& child = *child_;
    child.wish = child.wish | asio::cancellation_type::total;
    child.signal.emit(asio::cancellation_type::total);
}

task_group::task_group(executor on, error_handler on_error) : state_(std::make_shared<state>()) {
    state_->on = std::move(on);
    state_->on_error = std::move(on_error);
}

task_group::~task_group() { terminate(); }

void task_group::state::start(const std::shared_ptr<state>& self, std::string_view name, task_handle* handle,
                              task<> work) {
    /// Takes the child off the list, also when the coroutine is destroyed instead of finished.
    struct finish {
        std::shared_ptr<state> owner;
        position at;

        finish(std::shared_ptr<state> owner_, position at_) : owner(std::move(owner_)), at(at_) {}
        finish(finish&&) = default;
        finish& operator=(finish&&) = delete;
        ~finish() {
            if (owner) owner->remove(at);
        }

        void operator()(const std::exception_ptr& error) {
            if (error && !detail::is_cancellation(error)) owner->on_error(at->name, error);
            const auto kept = std::move(owner);
            kept->remove(at);
        }
    };

    const auto at = children.emplace(children.end());
    at->name = name;
    at->handle = handle;
    if (handle != nullptr) handle->child_ = &*at;
    asio::co_spawn(on, run(self, at, std::move(work)),
                   asio::bind_cancellation_slot(at->signal.slot(), finish(self, at)));
}

void task_group::spawn(std::string_view name, task<> work) { state_->start(state_, name, nullptr, std::move(work)); }

void task_group::spawn(std::string_view name, task_handle& handle, task<> work) {
    state_->start(state_, name, &handle, std::move(work));
}

void task_group::cancel() { state_->emit(asio::cancellation_type::total); }

void task_group::terminate() { state_->emit(asio::cancellation_type::terminal); }

task<> task_group::join() {
    const auto kept = state_;
    while (!kept->children.empty()) co_await kept->joined.wait();
}

task<> task_group::stop(time_source& on, duration grace) {
    const auto kept = state_;
    kept->emit(asio::cancellation_type::total);
    const auto deadline = on.now() + grace;
    while (!kept->children.empty()) {
        const bool woken = co_await kept->joined.wait_until(on, deadline);
        if (!woken) break;
    }
    kept->emit(asio::cancellation_type::terminal);
    while (!kept->children.empty()) co_await kept->joined.wait();
}

std::size_t task_group::size() const noexcept { return state_->children.size(); }

}  // namespace mydht
