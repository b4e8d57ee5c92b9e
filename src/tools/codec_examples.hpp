#pragma once

#include <span>
#include <string_view>

#include <mydht/wire/message.hpp>

namespace mydht::tools {

/// A message to show: the same bytes whenever and wherever it is made, of identities and signatures that hold.
struct codec_example {
    std::string_view kind;  ///< as the encodings with names call it
    wire::envelope (*make)();
};

/// One for each kind of message, requests first.
[[nodiscard]] std::span<const codec_example> codec_examples();

}  // namespace mydht::tools
