#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <mydht/core/result.hpp>
#include <mydht/query/rule_set.hpp>

namespace mydht {

/// Reads rules from a TOML file; docs/queries.md has the fields and an example. Errors: errc::file_unreadable, and
/// errc::bad_configuration for what is no TOML, has unknown fields or values that cannot be, or contradicts itself;
/// `problem` then gets one line that names the file, the line, the field and what to do.
[[nodiscard]] result<rule_set> load_rules(const std::filesystem::path& file, std::string* problem = nullptr);

/// The same from memory; `name` is what problems call it.
[[nodiscard]] result<rule_set> parse_rules(std::string_view text, std::string_view name,
                                           std::string* problem = nullptr);

}  // namespace mydht
