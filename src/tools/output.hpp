#pragma once

#include <string>
#include <string_view>

#include <mydht/core/time.hpp>

#include "tools/problem.hpp"

namespace mydht::tools {

/// To be called first: a closed standard stream gets a stand-in that refuses writes, so that no socket ever takes its
/// number, and a reader that goes away is an error of the write instead of a signal.
void prepare_standard_streams();

/// Writes all of it to standard output. Problem: nobody can take it.
[[nodiscard]] outcome<void> write_result(std::string_view data);

/// The same for a stored value, byte for byte; only a terminal gets the end of a line behind it, so that the prompt
/// does not stick to the value.
[[nodiscard]] outcome<void> write_value(std::string_view data);

/// "mydht get: <text>" on standard error, always one line: control characters, which an argument or a peer may have
/// brought in, are written as '?'.
void write_error_line(std::string_view command, std::string_view text);

/// The text with every control character replaced by '?'.
[[nodiscard]] std::string one_line(std::string_view text);

/// With so many digits behind the point.
[[nodiscard]] std::string fixed(double value, int digits);

[[nodiscard]] double milliseconds_of(duration length);

}  // namespace mydht::tools
