#pragma once

#include <cstddef>
#include <utility>
#include <variant>
#include <vector>

#include <mydht/wire/message.hpp>

namespace mydht::test {

/// One message of each kind, also of those that are added later.
inline std::vector<wire::message> every_message() {
    std::vector<wire::message> out;
    [&]<std::size_t... kinds>(std::index_sequence<kinds...>) { (out.emplace_back(std::in_place_index<kinds>), ...); }
    (std::make_index_sequence<std::variant_size_v<wire::message>>());
    return out;
}

}  // namespace mydht::test
