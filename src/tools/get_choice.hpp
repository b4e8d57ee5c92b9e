#pragma once

#include <chrono>
#include <optional>

#include <mydht/core/id.hpp>
#include <mydht/query/options.hpp>

#include "tools/arguments.hpp"
#include "tools/client.hpp"
#include "tools/problem.hpp"
#include "tools/travel_choice.hpp"

namespace mydht::tools {

/// What the commands take that find something by its key.
struct get_choice {
    client_options client;
    std::optional<id256> key;
    travel_choice travel;
    bool hide = false;

    void declare(command_line& line, std::string_view key_help);
    /// After the arguments were parsed: whether they fit each other, and what has to be there is. `value`: the key is
    /// that of a value.
    [[nodiscard]] outcome<void> check(bool value = true);
    /// A get of it is hidden.
    [[nodiscard]] bool hides() const { return hide || client.rules.forwarding.hide; }
    /// As the user wants it, within what is left of the time.
    [[nodiscard]] get_options options(std::chrono::milliseconds left) const;
};

}  // namespace mydht::tools
