#pragma once

#include <cstdint>
#include <optional>

#include <mydht/crypto/asker_ticket.hpp>

#include "query/forwarding_state.hpp"

namespace mydht::detail {

/// What a ticket for this query has to say of its goal.
[[nodiscard]] ticket_goal goal_of(const wire::forward& query) noexcept;

/// And of what it looks for: the target, or the whole of a request, so that nobody on the way can use its ticket for
/// another one.
[[nodiscard]] id256 subject_of(const wire::forward& query);

/// The ticket of a query that came from a peer, checked against the query. Errors: those of open_ticket(),
/// errc::bad_argument for one of another query, errc::bad_address for addresses of a narrower scope than the one the
/// peer was observed in, errc::unreachable when the peer is the asker and was not seen at each of its addresses.
[[nodiscard]] result<asker_ticket> check_ticket(const forwarding_state& in, const wire::forward& query,
                                                const peer_info& from);

/// A ticket of this node's own for the query, until `deadline`; nothing when it knows no address at which others reach
/// it.
[[nodiscard]] std::optional<signed_record> make_ticket(const forwarding_state& in, const wire::forward& query,
                                                       steady_time deadline);

}  // namespace mydht::detail
