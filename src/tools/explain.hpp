#pragma once

#include <cstdint>
#include <string_view>
#include <system_error>

#include <mydht/query/report.hpp>

#include "tools/problem.hpp"

namespace mydht::tools {

/// What a question was about.
enum class sought : std::uint8_t {
    value,
    peer,
    service,      ///< of one node
    key_service,  ///< of whoever is nearest to a key
};

/// What an error means for the exit status.
[[nodiscard]] exit_code exit_code_of(std::error_code error) noexcept;

/// What the user can do about an error; empty when nothing better than its text can be said.
[[nodiscard]] std::string_view remedy_of(std::error_code error, sought what = sought::value) noexcept;

/// "<subject>: <what happened>; <what to do>".
[[nodiscard]] problem explain(std::string_view subject, std::error_code error, sought what = sought::value);

/// A get that ended with this error found the word of the author that nothing stands there any more.
[[nodiscard]] bool was_retracted(std::error_code error, const lookup_report& report);

/// The problem of such a get.
[[nodiscard]] problem retracted(std::string_view key);

}  // namespace mydht::tools
