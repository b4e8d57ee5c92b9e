#pragma once

#include <mydht/query/messenger.hpp>
#include <mydht/query/outcome.hpp>

namespace mydht::detail {

/// How a peer, or this node's own budget, has refused a question as such: errc::throttled, errc::peer_busy,
/// errc::not_admitted. Empty when it is answered, and for failures that say nothing of that sort.
[[nodiscard]] std::error_code refusal_in(const result<reply>& answer) noexcept;

/// No packet left.
[[nodiscard]] bool was_not_sent(std::error_code why) noexcept;
/// The peer has not seen the question.
[[nodiscard]] bool was_not_asked(std::error_code why) noexcept;

/// Counts a store, this node's own or a peer's, that did not keep a value.
void count_refusal(put_report& into, std::error_code why) noexcept;

}  // namespace mydht::detail
