#include "transport/blocking_threads.hpp"

#include <system_error>

namespace mydht::detail {

blocking_threads::~blocking_threads() {
    work_.reset();
    context_.stop();
    for (auto& thread : threads_) thread.join();
}

bool blocking_threads::take_connection() {
    if (connections_ >= connections_max_ || !start_threads(2 * (connections_ + 1) + listeners_)) return false;
    ++connections_;
    return true;
}

void blocking_threads::give_back_connection() noexcept {
    --connections_;
    freed_.notify_all();
}

bool blocking_threads::take_listener() {
    if (!start_threads(2 * connections_ + listeners_ + 1)) return false;
    ++listeners_;
    return true;
}

void blocking_threads::give_back_listener() noexcept { --listeners_; }

bool blocking_threads::start_threads(std::size_t count) {
    try {
        while (threads_.size() < count) threads_.emplace_back([this] { context_.run(); });
    } catch (const std::system_error&) {
        return false;
    }
    return true;
}

}  // namespace mydht::detail
