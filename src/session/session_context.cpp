#include "session/session_context.hpp"

#include <exception>
#include <string>
#include <utility>

namespace mydht::detail {

namespace {

/// Prefixes whose handshakes are counted; the one that came longest ago is forgotten.
constexpr std::size_t handshake_prefixes = 4096;

/// Lines in the log that peers cause.
constexpr rate_limit lines_of_peers{2, 20};

stream_memory_limits limits_of(const session_config& config) {
    stream_memory_limits out;
    out.receive_bytes = config.stream_receive_bytes_total;
    out.send_bytes = config.stream_send_bytes_total;
    // Sooner than a peer whose packets are refused gives its session up.
    out.patience = config.stall_timeout / 2;
    return out;
}

std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "an unknown exception";
    }
}

task_group::error_handler log_failures(const logger& log) {
    return [log](std::string_view name, const std::exception_ptr& error) {
        log.write(log_level::error, "session", std::string(name) + " failed: " + text_of(error));
    };
}

wire::message failed_answer(session_context& context, const node_id& asker, const std::exception_ptr& error) {
    // The exception of a request that was taken back ends here too; nobody sees the answer then.
    context.log_of_peers(log_level::debug, [&] {
        return "the handler of a request of " + asker.hex() + " ended with: " + text_of(error);
    });
    wire::error failed;
    failed.code = wire::error_code::internal;
    return failed;
}

task<wire::message> at_once(wire::message what) { co_return what; }

task<wire::message> answer_or_failure(std::shared_ptr<session_context> context, node_id asker,
                                      task<wire::message> work) {
    std::exception_ptr error;
    try {
        co_return co_await std::move(work);
    } catch (...) {
        error = std::current_exception();
    }
    co_return failed_answer(*context, asker, error);
}

}  // namespace

session_context::session_context(environment env_, session_config config_, request_handler handler_)
    : env(std::move(env_)),
      config(std::move(config_)),
      handler(std::move(handler_)),
      streams(std::make_shared<stream_memory>(env.time, limits_of(config))),
      group(env.exec, log_failures(env.log)) {
    if (config.request_rate) request_rate.emplace(*config.request_rate, config.exempt_loopback);
    if (config.handshake_rate) {
        handshake_rate.emplace(*config.handshake_rate, handshake_prefixes, config.exempt_loopback);
        unproven_rate.emplace(*config.handshake_rate, handshake_prefixes, config.exempt_loopback);
    }
}

void session_context::drop_packet(packet_fault why, const address& from) {
    ++(why == packet_fault::repeated ? counters.packets_repeated : counters.packets_refused);
    const auto count = faults_.note(why, env.time->now());
    // The network repeats and reorders packets, too.
    const bool usual = why == packet_fault::repeated || why == packet_fault::early;
    const auto level = usual ? log_level::debug : log_level::info;
    if (count == 0 || !env.log.enabled(level)) return;
    log(level, "packets dropped that " + std::string(text_of(why)) + ": " + std::to_string(count) +
                   ", the last one from " + from.text());
}

bool session_context::may_log() noexcept {
    if (log_rate_.try_take(lines_of_peers, env.time->now())) return true;
    ++left_out_;
    return false;
}

std::string session_context::with_left_out(std::string line) {
    if (left_out_ > 0) line += " (and " + std::to_string(left_out_) + " lines of this kind before it)";
    left_out_ = 0;
    return line;
}

task<wire::message> ask_handler(std::shared_ptr<session_context> context, const peer_info& from, wire::message what) {
    try {
        return answer_or_failure(context, from.who.id, context->handler(from, std::move(what)));
    } catch (...) {
        return at_once(failed_answer(*context, from.who.id, std::current_exception()));
    }
}

}  // namespace mydht::detail
