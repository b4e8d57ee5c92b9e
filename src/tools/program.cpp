#include "tools/program.hpp"

#include <csignal>
#include <exception>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

namespace mydht::tools {

task<> interruption::wait() {
    while (!raised_) co_await waiting_.wait();
}

void interruption::raise() {
    raised_ = true;
    waiting_.notify_all();
}

void run_program(const logger& log, const std::function<task<>(environment, interruption&)>& body) {
    asio::io_context context(1);
    std::exception_ptr error;
    {
        interruption wish;
        asio::signal_set signals(context, SIGINT, SIGTERM);
        signals.async_wait([&](std::error_code failed, int) {
            if (failed) return;
            wish.raise();
            // The system's own handling comes back, so that an impatient user is obeyed at once.
            signals.clear();
        });
        asio::co_spawn(context, body(make_environment(context.get_executor(), log), wish), [&](std::exception_ptr e) {
            error = std::move(e);
            signals.cancel();
        });
        context.run();
    }
    if (error) std::rethrow_exception(error);
}

}  // namespace mydht::tools
