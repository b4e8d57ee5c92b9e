#include <algorithm>
#include <utility>

#include <mydht/runtime/deadline.hpp>

#include "session/pool_core.hpp"

namespace mydht::detail {

task<result<void>> pool_core::probe(std::shared_ptr<pool_core> core, node_id who, address where, steady_time deadline,
                                    bytes cause) {
    if (core->stopping_) co_return failure(errc::session_closed);
    if (who == core->party_.self->id()) co_return failure(errc::self_connection);
    if (!core->can_dial(where)) co_return failure(errc::unsupported_address);
    std::vector<address> allowed(1, where);
    if (const auto may = core->may_dial(who, allowed); !may) co_return failure(may.error());
    auto& time = *core->context_->env.time;
    const budgeted_dial dial(core->probes_, where, std::move(cause), time.now());
    if (!dial.began()) co_return failure(errc::throttled);
    const duration whole = core->context_->config.handshake_timeout;
    const auto longest = where.is_ip() ? std::min(dial_patience, whole) : whole;
    const auto in_time = std::min<steady_time>(deadline, time.now() + longest);
    auto target = std::make_shared<dial_target>();
    target->key.peer = who;
    auto work = attempt_at(core, where, target, nullptr);
    const auto link = co_await with_deadline(time, in_time, std::move(work));
    if (!link) co_return failure(link.error());
    co_return result<void>();
}

}  // namespace mydht::detail
