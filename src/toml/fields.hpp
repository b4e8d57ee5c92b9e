#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Everything in place and without exceptions, so that nothing has to be linked and nothing is thrown.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <mydht/session/rate_limits.hpp>

namespace mydht::detail {

/// What is wrong with a field, and what to do. Empty: nothing.
using complaint = std::string;

/// One field that a table may have, and where its value goes.
struct field {
    std::string_view name;
    std::function<complaint(const toml::node& given)> take;
};

/// Fields of each kind; `into` must outlive them.
[[nodiscard]] field small_number(std::string_view name, std::uint8_t& into);
[[nodiscard]] field number(std::string_view name, std::size_t& into);
[[nodiscard]] field share(std::string_view name, double& into);
[[nodiscard]] field flag(std::string_view name, bool& into);
/// A whole number and its unit in a string, as in "30 s".
[[nodiscard]] field time_span(std::string_view name, std::chrono::milliseconds& into);
[[nodiscard]] field time_span(std::string_view name, std::optional<std::chrono::milliseconds>& into);
/// How often in a second, and at once, in a table: { per_second = 200, burst = 800 }. What it leaves out stays.
[[nodiscard]] field rate(std::string_view name, rate_limit& into);
/// One of some words.
[[nodiscard]] field word(std::string_view name, std::vector<std::string_view> known,
                         std::function<void(std::string_view)> into);

/// Where in the file something is wrong, and what.
struct mistake {
    std::size_t line = 1;
    std::string text;
};

[[nodiscard]] inline std::size_t line_of(const toml::node& node) { return node.source().begin.line; }

/// Puts what a table says into the fields. The first mistake that is found, a field that is not known among them.
[[nodiscard]] std::optional<mistake> read_table(const toml::table& given, const std::vector<field>& fields);

}  // namespace mydht::detail
