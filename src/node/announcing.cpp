// A node's own record, which finds it by its id wherever it is.

#include <algorithm>
#include <utility>

#include <mydht/crypto/ids.hpp>
#include <mydht/value/lifetime.hpp>

#include "node/node_core.hpp"
#include "node/operation.hpp"
#include "node/published.hpp"

namespace mydht::detail {

task<result<put_report>> node_core::announce(std::shared_ptr<node_core> self, announce_options options) {
    const operation running(*self);
    if (!running.admitted()) co_return failure(errc::not_running);
    peer_record record;
    record.group = options.group();
    record.addresses = published(self->reachable_, options.group());
    if (record.addresses.empty()) co_return failure(errc::unsupported_address);
    const auto now = self->env_.time->wall_now();
    const auto until = deadline_after(now, options.lifetime().value_or(self->config_.queries.value_lifetime));
    if (!until) co_return failure(until.error());
    record.expiry = *until;
    record.sequence = mydht::next_sequence(self->announced_, now);
    record.name = options.name();
    record.capabilities = self->keeps_values() ? static_cast<std::uint32_t>(capability::server) : 0;
    auto made = sign_record(*self->self_, std::move(record));
    if (!made) co_return failure(made.error());
    item what;
    what.kind = item_kind::peer_record;
    what.body = std::move(made->body);
    what.sig = made->sig;
    auto opened = value::open(self->self_->id(), std::move(what), now);
    if (!opened) co_return failure(opened.error());
    self->announced_ = opened->sequence();
    put_options order;
    if (options.timeout()) order.timeout(*options.timeout());
    auto done = co_await self->queries_.put(std::move(*opened), std::move(order));
    co_return done;
}

task<result<peer_record>> node_core::resolve_peer(std::shared_ptr<node_core> self, node_id who, get_options options) {
    const operation running(*self);
    if (!running.admitted()) co_return failure(errc::not_running);
    auto record = co_await self->find_record(who, std::move(options));
    co_return record;
}

task<result<peer_record>> node_core::find_record(node_id who, get_options options) {
    const auto found = co_await queries_.get(who, std::move(options));
    if (!found) co_return failure(found.error());
    if (found->best.kind() != item_kind::peer_record) co_return failure(errc::not_found);
    co_return open_record(found->best.content(), found->best.sig(), env_.time->wall_now());
}

}  // namespace mydht::detail
