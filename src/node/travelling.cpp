// Queries that travel through this node, and what is brought to it and by it.

#include <algorithm>
#include <cassert>
#include <utility>

#include "node/node_core.hpp"
#include "node/published.hpp"

namespace mydht::detail {

forward_origin node_core::travel_origin() {
    forward_origin out;
    out.self = self_;
    out.contact = [this] {
        auto who = self_contact();
        const auto is_ip = [](const address& a) { return group_of(a.kind()) == address_group::ip; };
        const auto first = who.addresses.empty() ? std::nullopt : std::optional(who.addresses.front());
        const bool any_ip = std::ranges::any_of(who.addresses, is_ip);
        const auto group = any_ip || !first ? address_group::ip : group_of(first->kind()).value_or(address_group::ip);
        who.addresses = published(who.addresses, group);
        return who;
    };
    out.exempt_loopback = config_.sessions.exempt_loopback;
    out.keeps_values = keeps_values();
    out.seen_at = [this](const peer_info& who, const address& where) { return has_seen(who, where); };
    out.linked = [this](const node_id& who) -> std::optional<contact> {
        const auto link = pool_.find(who);
        return link.open() ? std::optional(link.peer().who) : std::nullopt;
    };
    out.serves = [this](std::string_view name) { return travelling_services_.contains(name); };
    out.serve = [this](service_question what) {
        const auto found = travelling_services_.find(what.service);
        // It was there in this same step: serves() came first. The task shares the service.
        assert(found != travelling_services_.end());
        return found->second.answer(std::move(what));
    };
    return out;
}

/// A connection shows the host alone: its port is another one each time.
bool node_core::has_seen(const peer_info& who, const address& where) const {
    const bool by_port = where.kind() == address_kind::udp;
    if (by_port ? who.observed == where : same_host(who.observed, where)) return true;
    const auto* known = table_.find(who.who.id);
    return known != nullptr && std::ranges::find(known->contact.addresses, where) != known->contact.addresses.end();
}

/// What a client answers of all that travels: requests that are sealed for it.
bool node_core::is_asked_of_this(const wire::forward& query) const {
    const auto* asked = std::get_if<wire::request>(&query.goal);
    const bool for_this = asked != nullptr && asked->is_sealed() && asked->target == self_->id();
    return for_this && !travelling_services_.empty();
}

task<wire::message> node_core::answer_peer(peer_info from, wire::message what) {
    // Clients ask, and so are brought answers.
    if (auto* const brought = std::get_if<wire::deliver>(&what)) {
        auto taken = forwarding_.take(from, std::move(*brought));
        co_return taken;
    }
    auto* const query = std::get_if<wire::forward>(&what);
    const bool passed_on = query != nullptr && (keeps_values() || is_asked_of_this(*query));
    if (passed_on) co_return co_await forwarding_.answer(std::move(from), std::move(*query));
    co_return co_await answers_.answer(std::move(from), std::move(what));
}

task<result<reply>> node_core::hand(std::shared_ptr<node_core> self, contact to, wire::deliver what,
                                    steady_time deadline, handing how) {
    if (how.is_back()) {
        auto link = self->pool_.find(to.id);
        if (!link.open()) co_return failure(errc::unreachable);
        auto answer = co_await link.request(std::move(what), deadline);
        if (!answer) co_return failure(answer.error());
        co_return reply(std::move(*answer), link.peer().observed);
    }
    auto asked = co_await self->pool_.ask(std::move(to), std::move(what), deadline, address_source::named,
                                          steady_time::max(), how.cause());
    if (!asked) co_return failure(asked.error());
    co_return reply(std::move(*asked->answer), asked->over.peer().observed);
}

}  // namespace mydht::detail
