#include "query/tickets.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include <mydht/crypto/ids.hpp>
#include <mydht/crypto/service_request.hpp>

namespace mydht::detail {

ticket_goal goal_of(const wire::forward& query) noexcept {
    if (std::holds_alternative<wire::find_node>(query.goal)) return ticket_goal::find_node;
    if (std::holds_alternative<wire::store>(query.goal)) return ticket_goal::store;
    if (std::holds_alternative<wire::request>(query.goal)) return ticket_goal::request;
    return ticket_goal::find_value;
}

id256 subject_of(const wire::forward& query) {
    const auto* asked = std::get_if<wire::request>(&query.goal);
    if (asked == nullptr) return target_of(query);
    return question_of(query.tag, asked->target, asked->service, asked->body);
}

result<asker_ticket> check_ticket(const forwarding_state& in, const wire::forward& query, const peer_info& from) {
    const auto now = in.env.time->wall_now();
    auto ticket = open_ticket(query.asker->body, query.asker->sig, now, in.book.lifetime_max(query.priority));
    if (!ticket) return ticket;
    const bool belongs = ticket->goal == goal_of(query) && ticket->target == subject_of(query) &&
                         ticket->tag == query.tag && ticket->results >= query.results;
    if (!belongs) return failure(errc::bad_argument);
    // Whoever is elsewhere knows nobody in a network of this node's own: those would be dials into it.
    const auto scope = scope_of(from.observed);
    const auto too_near = [scope](const address& where) { return scope_of(where) < scope; };
    if (std::ranges::any_of(ticket->addresses, too_near)) return failure(errc::bad_address);
    // Only the first peer can know whether the asker is where it says; the others take its word for it.
    const auto seen = [&](const address& where) { return in.origin.seen_at(from, where); };
    const bool is_first = node_id_of(ticket->asker) == from.who.id;
    if (is_first && !std::ranges::all_of(ticket->addresses, seen)) return failure(errc::unreachable);
    return ticket;
}

std::optional<signed_record> make_ticket(const forwarding_state& in, const wire::forward& query, steady_time deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - in.env.time->now());
    asker_ticket out;
    out.goal = goal_of(query);
    out.target = subject_of(query);
    out.tag = query.tag;
    out.deadline = in.env.time->wall_now() + std::min(left, in.book.lifetime_max(query.priority));
    out.results = query.results;
    out.addresses = in.origin.contact().addresses;
    auto made = sign_ticket(*in.origin.self, std::move(out));
    if (!made) return {};
    return std::move(*made);
}

}  // namespace mydht::detail
