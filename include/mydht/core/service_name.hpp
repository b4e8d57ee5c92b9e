#pragma once

#include <algorithm>
#include <string_view>

#include <mydht/core/limits.hpp>

namespace mydht {

/// 1 to limits::service_name_bytes printable ASCII characters without spaces; by custom a name and a version, "chat/1".
[[nodiscard]] constexpr bool valid_service_name(std::string_view name) noexcept {
    const auto printable = [](char c) { return c > ' ' && c < '\x7f'; };
    return !name.empty() && name.size() <= limits::service_name_bytes && std::ranges::all_of(name, printable);
}

}  // namespace mydht
