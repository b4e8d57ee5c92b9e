#pragma once

#include <string>

#include <mydht/query/options.hpp>
#include <mydht/query/request_options.hpp>
#include <mydht/runtime/environment.hpp>

namespace mydht::detail {

/// The option that has no meaning in the mode which the options choose, or null. Those of local operations have none
/// either, and do not matter.
template <typename Options>
[[nodiscard]] const char* misplaced_travel(const travel_options<Options>& options) {
    if (options.mode() != iterative()) return nullptr;
    if (options.hops()) return "hops";
    if (options.fan_out()) return "fan_out";
    if (options.spread()) return "spread";
    return options.priority() ? "priority" : nullptr;
}

[[nodiscard]] inline const char* misplaced(const get_options& options) {
    if (options.is_local()) return nullptr;
    const bool travels = options.mode() != iterative();
    if (travels && options.disjoint_paths()) return "disjoint_paths";
    // A direct query has the one.
    const bool again = options.rounds().value_or(1) > 1;
    if (options.rounds() && (!travels || (again && options.mode() == direct()))) return "rounds";
    if (!travels && options.is_cached().value_or(false)) return "cached";
    return misplaced_travel(options);
}

[[nodiscard]] inline const char* misplaced(const put_options& options) {
    if (options.is_local()) return nullptr;
    if (options.mode() == iterative() && options.is_along_the_path().value_or(false)) return "along_the_path";
    return misplaced_travel(options);
}

[[nodiscard]] inline const char* misplaced(const request_options& options) { return misplaced_travel(options); }

/// Success, or errc::bad_argument and a line in the log for an option that has no meaning in the chosen mode.
template <typename Options>
[[nodiscard]] result<void> fits_mode(const environment& env, const Options& options) {
    const auto* name = misplaced(options);
    if (name == nullptr) return {};
    env.log.write(log_level::warning, "query", "the option " + std::string(name) + " has no meaning in this mode");
    return failure(errc::bad_argument);
}

}  // namespace mydht::detail
