#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>

#include <mydht/runtime/task.hpp>

#include "support/catch.hpp"
#include "support/manual_clock.hpp"

namespace mydht::test {

using namespace std::chrono_literals;

/// A coroutine under test: started, looked at, cancelled from outside. It may outlive this handle.
class started {
public:
    started(asio::io_context& context, task<> work) {
        asio::co_spawn(context, std::move(work),
                       asio::bind_cancellation_slot(state_->signal.slot(), [state = state_](std::exception_ptr error) {
                           state->ended = true;
                           state->error = std::move(error);
                       }));
    }

    void cancel() { state_->signal.emit(asio::cancellation_type::terminal); }
    [[nodiscard]] bool ended() const { return state_->ended; }
    [[nodiscard]] std::exception_ptr error() const { return state_->error; }
    [[nodiscard]] bool cancelled() const {
        if (!state_->error) return false;
        try {
            std::rethrow_exception(state_->error);
        } catch (const std::system_error& e) {
            return e.code() == asio::error::operation_aborted;
        } catch (...) {
            return false;
        }
    }

private:
    struct state {
        asio::cancellation_signal signal;
        bool ended = false;
        std::exception_ptr error;
    };
    std::shared_ptr<state> state_ = std::make_shared<state>();
};

struct loop {
    asio::io_context context{1};
    manual_clock time;

    /// Runs what is ready.
    void poll() {
        context.restart();
        context.poll();
    }
    void advance(duration by) {
        time.advance(by);
        poll();
    }
};

}  // namespace mydht::test
