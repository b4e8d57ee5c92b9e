#include <mydht/runtime/task_group.hpp>

#include <list>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>

#include <mydht/runtime/wait_queue.hpp>

#include "runtime/cancellation.hpp"

namespace mydht {

struct task_group::state {
    struct child {
        std::string_view name;
        asio::cancellation_signal signal;
    };
    using position = std::list<child>::iterator;

    /// What a group's coroutine does: nothing when the group was cancelled before it began. It obeys total cancellation from
    /// here on; a spawned coroutine would obey only terminal ones.
    static task<> run(std::shared_ptr<state> owner, task<> work) {
        if (owner->wish != asio::cancellation_type::none) co_return;
        co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
        co_await std::move(work);
    }

    executor on;
    error_handler on_error;
    std::list<child> children;
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
};

task_group::task_group(executor on, error_handler on_error) : state_(std::make_shared<state>()) {
    state_->on = std::move(on);
    state_->on_error = std::move(on_error);
}

task_group::~task_group() { terminate(); }

void task_group::spawn(std::string_view name, task<> work) {
    /// Takes the child off the list, also when the coroutine is destroyed instead of finished.
    struct finish {
        std::shared_ptr<state> owner;
        state::position at;

        finish(std::shared_ptr<state> owner_, state::position at_) : owner(std::move(owner_)), at(at_) {}
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

    auto& s = *state_;
    const auto at = s.children.emplace(s.children.end());
    at->name = name;
    asio::co_spawn(s.on, state::run(state_, std::move(work)), asio::bind_cancellation_slot(at->signal.slot(), finish(state_, at)));
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
