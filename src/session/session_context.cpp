#include "session/session_context.hpp"

#include <exception>
#include <string>
#include <utility>

namespace mydht::detail {

namespace {

/// Prefixes whose handshakes are counted; the one that came longest ago is forgotten.
constexpr std::size_t handshake_prefixes = 4096;

task_group::error_handler log_failures(const logger& log) {
    return [log](std::string_view name, const std::exception_ptr& error) {
        std::string what = "an unknown exception";
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& e) {
            what = e.what();
        } catch (...) {
        }
        log.write(log_level::error, "session", std::string(name) + " failed: " + what);
    };
}

}  // namespace

session_context::session_context(environment env_, session_config config_, request_handler handler_)
    : env(std::move(env_)),
      config(std::move(config_)),
      handler(std::move(handler_)),
      group(env.exec, log_failures(env.log)) {
    if (config.request_rate) request_rate.emplace(*config.request_rate, config.exempt_loopback);
    if (config.handshake_rate)
        handshake_rate.emplace(*config.handshake_rate, handshake_prefixes, config.exempt_loopback);
}

}  // namespace mydht::detail
