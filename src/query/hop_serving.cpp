// What a hop does with requests to services: whether and when they are answered here.

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <variant>

#include "query/hop.hpp"
#include "query/onward.hpp"
#include "query/serving.hpp"

namespace mydht::detail {

/// A request is for this peer: its own name stands on it, or it serves the name where a path ends. The asker does not
/// ask itself.
bool hop::is_served_here() const {
    const auto& asked = std::get<wire::request>(query_.goal);
    if (!from_) return false;
    if (asked.is_sealed()) return in_->origin.contact().id == asked.target;
    return query_.results > 0 && in_->origin.serves && in_->origin.serves(asked.service) && ends_here(*in_, query_);
}

/// Nobody behind this peer has served it, and it is nearer to the target than those before.
bool hop::is_left_to_serve() const {
    return could_serve() && query_.results > 0 && !found_.any() && in_->env.time->now() < deadline_;
}

/// A request for anybody who serves a name, which this node does and has not done for it.
bool hop::could_serve() const {
    const auto* asked = std::get_if<wire::request>(&query_.goal);
    if (asked == nullptr || asked->is_sealed() || !from_ || served_) return false;
    return in_->origin.serves && in_->origin.serves(asked->service);
}

/// One for anybody goes on past a peer that is silent, whose handler may have run. Where replies are brought, who may
/// bring one more is another packet to the asker.
bool hop::passes_silent_ones() const {
    const auto* asked = std::get_if<wire::request>(&query_.goal);
    return asked != nullptr && !asked->is_sealed() && !query_.asker && query_.proxy_hops == 0;
}

/// Nobody has said anything for a while: another peer may be asked. False when this one is left alone.
bool hop::go_past(branches& out) {
    if (out.one_more()) return true;
    patient_ = !could_serve();
    if (!patient_) query_.results = 1;
    return patient_;
}

task<> hop::serve_here() {
    served_ = true;
    const auto collector = ticket_ ? std::optional(ticket_->asker) : std::nullopt;
    auto answered = co_await answer_request(in_, query_, *from_, collector, deadline_);
    begun_ = answered.begun;
    if (answered.unfinished) found_.missed();
    if (!answered.reply) co_return;
    if (!ticket_) co_return found_.take_item(std::move(*answered.reply));
    wire::gathered held;
    held.items.push_back(std::move(*answered.reply));
    co_await bring(std::move(held));
}

/// When this hop looks for somebody else to ask. What is left shrinks from hop to hop: the last one is the first to.
steady_time hop::patience() const {
    if (patient_ || !passes_silent_ones()) return deadline_;
    const auto now = in_->env.time->now();
    return std::min<steady_time>(deadline_,
                                 now + std::max<duration>((deadline_ - now) / 2, std::chrono::milliseconds(1)));
}

}  // namespace mydht::detail
