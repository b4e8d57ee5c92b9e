#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <mydht/core/bytes.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/crypto/identity.hpp>

#include "tools/problem.hpp"

namespace mydht::tools {

/// The value that a command was given: the argument's bytes, or all of standard input for "-" and for no argument.
/// Without an argument, a terminal or an empty input is a problem: the value was forgotten. Reads no more than a value
/// may have.
[[nodiscard]] outcome<bytes> read_value(const std::optional<std::string>& argument,
                                        std::size_t size_max = limits::inline_value_bytes);

[[nodiscard]] outcome<std::shared_ptr<const identity>> read_identity(std::string_view path);

/// The secret of a private network, from a file that only its owner can read.
[[nodiscard]] outcome<bytes> load_psk(std::string_view path);

}  // namespace mydht::tools
