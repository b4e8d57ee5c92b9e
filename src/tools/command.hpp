#pragma once

#include <string_view>

#include "tools/arguments.hpp"
#include "tools/problem.hpp"

namespace mydht::tools {

/// A command: parses what it was given, does it, prints the result. A problem is left to the caller to print. `name` is
/// what messages call it ("mydht get").
using command_function = outcome<void> (*)(std::string_view name, arguments given);

outcome<void> keygen_command(std::string_view name, arguments given);
outcome<void> id_command(std::string_view name, arguments given);
outcome<void> node_command(std::string_view name, arguments given);
outcome<void> put_command(std::string_view name, arguments given);
outcome<void> get_command(std::string_view name, arguments given);
outcome<void> publish_command(std::string_view name, arguments given);
outcome<void> retract_command(std::string_view name, arguments given);
outcome<void> resolve_command(std::string_view name, arguments given);
outcome<void> trace_command(std::string_view name, arguments given);
outcome<void> request_command(std::string_view name, arguments given);
outcome<void> lookup_command(std::string_view name, arguments given);
outcome<void> ping_command(std::string_view name, arguments given);
outcome<void> codec_command(std::string_view name, arguments given);
outcome<void> demo_command(std::string_view name, arguments given);
outcome<void> sim_command(std::string_view name, arguments given);

}  // namespace mydht::tools
