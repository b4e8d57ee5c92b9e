#pragma once

#include <vector>

#include <mydht/core/contact.hpp>
#include <mydht/wire/message.hpp>

#include "query/branches.hpp"
#include "query/forwarding_state.hpp"

/// Where a forwarded query goes next, and as what.
namespace mydht::detail {

/// Whom to send it to, best first: anybody while it wanders, then whom the table prefers, and what the rules make of
/// that. Nobody that the query names as visited, and not who sent it.
[[nodiscard]] std::vector<contact> whom(forwarding_state& in, travelling what);

/// The query as the next peer gets it.
[[nodiscard]] wire::forward next_of(const forwarding_state& in, travelling what, const branch& to, duration left);

/// A put has come to its end here: it may go no farther, or nobody that this node knows is nearer to the target.
[[nodiscard]] bool ends_here(const forwarding_state& in, const wire::forward& query);

}  // namespace mydht::detail
