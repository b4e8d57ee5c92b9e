#include <mydht/runtime/environment.hpp>

#include <csignal>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/system_executor.hpp>

#include <mydht/crypto/random.hpp>

#include "runtime/cancellation.hpp"

namespace mydht {

environment make_environment(executor exec, logger log) {
    environment out;
    out.time = make_system_clock(exec);
    out.exec = std::move(exec);
    out.workers = asio::system_executor();
    out.secure_random = make_system_random();
    out.random = std::make_shared<prng>(out.secure_random->next());
    out.log = std::move(log);
    return out;
}

void run(const std::function<task<>(environment)>& main_task, logger log) {
    asio::io_context context(1);
    std::exception_ptr failure;
    {
        asio::cancellation_signal stop;
        asio::signal_set signals(context, SIGINT, SIGTERM);
        signals.async_wait([&stop](std::error_code error, int) {
            if (!error) stop.emit(asio::cancellation_type::terminal);
        });
        auto finish = [&](const std::exception_ptr& error) {
            if (!detail::is_cancellation(error)) failure = error;
            signals.cancel();
        };
        asio::co_spawn(context, main_task(make_environment(context.get_executor(), std::move(log))),
                       asio::bind_cancellation_slot(stop.slot(), finish));
        context.run();
    }
    if (failure) std::rethrow_exception(failure);
}

}  // namespace mydht
