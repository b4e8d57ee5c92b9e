#include <mydht/runtime/task_group.hpp>

#include <cstdint>
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
    ~group_child() { leave(); }

    /// The task is over.
    void leave() {
        if (handle != nullptr) handle->child_ = nullptr;
        handle = nullptr;
        wish = asio::cancellation_type::none;
        signal.slot().clear();
    }

    std::string_view name;
    asio::cancellation_signal signal;
    asio::cancellation_type wish = asio::cancellation_type::none;
    task_handle* handle = nullptr;
};

struct task_group::state {
    using position = std::list<detail::group_child>::iterator;
    enum class start : std::uint8_t { soon, now };
    /// Children whose memory is kept for the next ones.
    static constexpr std::size_t spare_max = 16;

    /// What a group's coroutine does: nothing when the group was cancelled before it began. It obeys total cancellation
    /// from here on; a spawned coroutine would obey only terminal ones.
    static task<> run(std::shared_ptr<state> owner, position at, start when, task<> work) {
        // co_spawn begins at once when it is called on the executor, amid what the caller is doing.
        if (when == start::soon) co_await asio::post(owner->on, asio::use_awaitable);
        if ((owner->wish | at->wish) != asio::cancellation_type::none) co_return;
        co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
        co_await std::move(work);
    }

    executor on;
    error_handler on_error;
    std::list<detail::group_child> children;
    std::list<detail::group_child> spare;
    wait_queue joined;
    asio::cancellation_type wish = asio::cancellation_type::none;

    void emit(asio::cancellation_type type) {
        wish = wish | type;
        // A child that ends at once leaves the list.
        for (auto it = children.begin(); it != children.end();) (it++)->signal.emit(type);
    }

    void remove(position at) {
        at->leave();
        if (spare.size() < spare_max) {
            spare.splice(spare.end(), children, at);
        } else {
            children.erase(at);
        }
        if (children.empty()) joined.notify_all();
    }

    [[nodiscard]] position add(std::string_view name, task_handle* handle) {
        if (spare.empty()) spare.emplace_back();
        const auto at = spare.begin();
        children.splice(children.end(), spare, at);
        at->name = name;
        at->handle = handle;
        if (handle != nullptr) handle->child_ = &*at;
        return at;
    }

    static void spawn(const std::shared_ptr<state>& self, start when, std::string_view name, task_handle* handle,
                      task<> work);
};

task_handle::~task_handle() { leave(); }

void task_handle::leave() noexcept {
    if (child_ != nullptr) child_->handle = nullptr;
    child_ = nullptr;
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

void task_group::state::spawn(const std::shared_ptr<state>& self, start when, std::string_view name,
                              task_handle* handle, task<> work) {
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

    const auto at = self->add(name, handle);
    asio::co_spawn(self->on, run(self, at, when, std::move(work)),
                   asio::bind_cancellation_slot(at->signal.slot(), finish(self, at)));
}

void task_group::spawn(std::string_view name, task<> work) {
    state::spawn(state_, state::start::soon, name, nullptr, std::move(work));
}

void task_group::spawn(std::string_view name, task_handle& handle, task<> work) {
    state::spawn(state_, state::start::soon, name, &handle, std::move(work));
}

void task_group::begin(std::string_view name, task_handle& handle, task<> work) {
    state::spawn(state_, state::start::now, name, &handle, std::move(work));
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
