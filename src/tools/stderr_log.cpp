#include "tools/stderr_log.hpp"

#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/spdlog.h>

#include "tools/output.hpp"

namespace mydht::tools {

namespace {

spdlog::level::level_enum level_of(log_level level) {
    switch (level) {
        case log_level::trace: return spdlog::level::trace;
        case log_level::debug: return spdlog::level::debug;
        case log_level::info: return spdlog::level::info;
        case log_level::warning: return spdlog::level::warn;
        case log_level::error: return spdlog::level::err;
        case log_level::off: break;
    }
    return spdlog::level::off;
}

/// What spdlog does about threads, colours and flushing, behind our interface.
class spdlog_sink final : public log_sink {
public:
    spdlog_sink() : log_("mydht", std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>()) {
        log_.set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
        log_.set_level(spdlog::level::trace);
        log_.flush_on(spdlog::level::trace);
    }

    void write(log_level level, std::string_view component, std::string_view line) override {
        log_.log(level_of(level), "{}: {}", component, one_line(line));
    }

private:
    spdlog::logger log_;
};

}  // namespace

logger make_stderr_log(log_level least) {
    if (least == log_level::off) return {};
    return {std::make_shared<spdlog_sink>(), least};
}

}  // namespace mydht::tools
