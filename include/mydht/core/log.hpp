#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace mydht {

enum class log_level { trace, debug, info, warning, error, off };

[[nodiscard]] std::string_view to_string(log_level level) noexcept;

/// Where log lines go. The library has no logger of its own and writes nothing without a sink.
class log_sink {
public:
    log_sink() = default;
    log_sink(const log_sink&) = delete;
    log_sink& operator=(const log_sink&) = delete;
    virtual ~log_sink() = default;

    /// One line without a newline. May be called from any thread that runs a node.
    virtual void write(log_level level, std::string_view component, std::string_view line) = 0;
};

/// A cheap handle on a sink, with the least level that is worth making a line for.
class logger {
public:
    logger() = default;
    logger(std::shared_ptr<log_sink> sink, log_level least) : sink_(std::move(sink)), least_(least) {}

    /// Ask before building a costly line.
    [[nodiscard]] bool enabled(log_level level) const noexcept { return sink_ != nullptr && level >= least_; }

    void write(log_level level, std::string_view component, std::string_view line) const {
        if (enabled(level)) sink_->write(level, component, line);
    }

private:
    std::shared_ptr<log_sink> sink_;
    log_level least_ = log_level::off;
};

}  // namespace mydht
