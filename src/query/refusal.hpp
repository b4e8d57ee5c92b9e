#pragma once

#include <mydht/query/messenger.hpp>

namespace mydht::detail {

/// How a peer, or this node's own budget, has refused a question as such: errc::throttled, errc::peer_busy,
/// errc::not_admitted. Empty when it is answered, and for failures that say nothing of that sort.
[[nodiscard]] std::error_code refusal_in(const result<reply>& answer) noexcept;

}  // namespace mydht::detail
