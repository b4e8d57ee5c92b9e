#pragma once

#include <memory>
#include <optional>

#include <mydht/core/bytes.hpp>
#include <mydht/core/time.hpp>
#include <mydht/crypto/service_request.hpp>
#include <mydht/runtime/wait_queue.hpp>

namespace mydht::detail {

/// A request whose handler runs here, and all that came with it and wait for its reply. It belongs to none of them: who
/// brought it first, and goes away, must not end it for the others.
struct request_run {
    std::size_t waiting = 0;
    steady_time left_at{};  ///< when the last one went away
    steady_time deadline{};
    steady_time kept_until{};           ///< nobody asks for the reply later
    duration patience{};                ///< how long it goes on when nobody waits
    std::optional<service_reply> said;  ///< by the handler
    std::optional<bytes> payload;       ///< what is replied, when it is over
    bool over = false;
    wait_queue changed;  ///< for who watches the handler
    wait_queue ended;    ///< for those that wait for its reply
};

}  // namespace mydht::detail
