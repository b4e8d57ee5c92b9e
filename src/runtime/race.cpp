#include <mydht/runtime/race.hpp>

#include <list>

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

using race_signature = void(std::exception_ptr, std::size_t);
using race_handler = asio::async_result<asio::use_awaitable_t<>, race_signature>::handler_type;

class contest final : public std::enable_shared_from_this<contest> {
public:
    contest(race_handler handler, std::size_t count)
        : handler_(std::move(handler)), signals_(count), running_(count), winner_(count) {}

    void start(std::vector<task<bool>> branches) {
        const auto self = shared_from_this();
        const auto executor = asio::get_associated_executor(handler_);
        auto slot = asio::get_associated_cancellation_slot(handler_);
        if (slot.is_connected()) {
            slot.assign([weak = std::weak_ptr<contest>(self)](asio::cancellation_type) {
                // A spawned coroutine obeys nothing less.
                if (const auto op = weak.lock()) op->cancel_all();
            });
        }
        std::size_t index = 0;
        for (auto& branch : branches) {
            asio::co_spawn(executor, std::move(branch),
                           asio::bind_cancellation_slot(signals_[index].slot(), finish{self, index}));
            ++index;
        }
    }

private:
    struct finish {
        std::shared_ptr<contest> op;
        std::size_t index;
        void operator()(std::exception_ptr error, bool won) { op->ended(index, std::move(error), won); }
    };

    void cancel_all() {
        for (auto& signal : signals_) signal.emit(asio::cancellation_type::terminal);
    }

    void ended(std::size_t index, std::exception_ptr error, bool won) {
        --running_;
        const bool decided = winner_ < signals_.size() || error_;
        if (won && !decided) {
            winner_ = index;
            cancel_all();
        } else if (error && !decided) {
            // A failure that is no result, or our own cancellation: it ends the whole race.
            error_ = std::move(error);
            cancel_all();
        }
        if (running_ > 0) return;
        auto slot = asio::get_associated_cancellation_slot(handler_);
        if (slot.is_connected()) slot.clear();
        const auto executor = asio::get_associated_executor(handler_);
        asio::post(executor, [handler = std::move(handler_), error = error_, winner = winner_]() mutable {
            handler(std::move(error), winner);
        });
    }

    race_handler handler_;
    std::vector<asio::cancellation_signal> signals_;
    std::size_t running_;
    std::size_t winner_;
    std::exception_ptr error_;
};

}  // namespace

task<std::size_t> race_branches(std::vector<task<bool>> branches) {
    auto initiation = [](race_handler handler, std::vector<task<bool>> children) {
        const auto count = children.size();
        std::make_shared<contest>(std::move(handler), count)->start(std::move(children));
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, race_signature>(
        std::move(initiation), asio::use_awaitable, std::move(branches));
}

}  // namespace mydht::detail
