// Requests to services in any mode.

#include <algorithm>
#include <chrono>
#include <utility>

#include <mydht/core/application_error.hpp>
#include <mydht/core/service_name.hpp>

#include "node/node_core.hpp"
#include "node/operation.hpp"

namespace mydht::detail {

namespace {

/// The peer's handler has not seen it.
bool has_not_begun(std::error_code why) {
    return why == errc::no_service || why == errc::unreachable || why == errc::connection_refused ||
           why == errc::unsupported_address || why == errc::not_admitted || why == errc::peer_blocked ||
           why == errc::throttled || why == errc::too_many_streams;
}

}  // namespace

task<result<request_report>> node_core::request(std::shared_ptr<node_core> self, request_target to, std::string service,
                                                bytes body, request_options options) {
    const operation running(*self);
    if (!running.admitted()) co_return failure(errc::not_running);
    if (!valid_service_name(service)) co_return failure(errc::bad_argument);
    if (body.size() > limits::request_bytes) co_return failure(errc::too_large);
    if (to.is_peer() && to.id() == self->self_->id()) co_return failure(errc::self_connection);
    if (const auto fits = self->queries_.fits_mode(options); !fits) co_return failure(fits.error());
    if (options.mode() == iterative()) {
        auto near = self->request_near(std::move(to), std::move(service), std::move(body), std::move(options));
        auto answered = co_await std::move(near);
        co_return answered;
    }
    if (to.is_peer() && !to.who()) {
        const auto deadline = self->queries_.deadline_of(options.timeout());
        auto who = co_await self->key_of(to.id(), options, deadline);
        if (!who) co_return failure(who.error());
        to = request_target(std::move(*who));
        const auto left = deadline - self->env_.time->now();
        options.timeout(
            std::max(std::chrono::duration_cast<std::chrono::milliseconds>(left), std::chrono::milliseconds(1)));
    }
    auto far = self->queries_.request(std::move(to), std::move(service), std::move(body), std::move(options));
    auto answered = co_await std::move(far);
    co_return answered;
}

/// A contact says its key, whose hash is the id: nobody can make one up. It is looked for proxied in each mode: who
/// knows it need not be able to bring it.
task<result<contact>> node_core::key_of(node_id peer, const request_options& options, steady_time deadline) {
    if (const auto link = pool_.find(peer); link.open()) co_return link.peer().who;
    if (const auto* const known = table_.find(peer)) co_return known->contact;
    get_options search;
    search.mode(proxied());
    if (options.hops()) search.hops(*options.hops());
    if (options.fan_out()) search.fan_out(*options.fan_out());
    if (options.spread()) search.spread(*options.spread());
    if (options.priority()) search.priority(*options.priority());
    search.timeout(std::chrono::duration_cast<std::chrono::milliseconds>(deadline - env_.time->now()));
    auto found = co_await queries_.lookup(peer, std::move(search));
    if (!found) co_return failure(found.error());
    co_return std::move(found->closest.front());
}

/// Over sessions of this node's own: the peer, or those nearest to the key until one has answered.
task<result<request_report>> node_core::request_near(request_target to, std::string service, bytes body,
                                                     request_options options) {
    const auto begun = env_.time->now();
    const auto deadline = queries_.deadline_of(options.timeout());
    std::vector<contact> whom;
    request_report out;
    if (to.who() && !to.who()->addresses.empty()) {
        whom.push_back(*to.who());
    } else if (to.is_peer()) {
        auto found = co_await locate(to.id(), deadline);
        if (!found) co_return failure(found.error());
        whom.push_back(std::move(*found));
    } else {
        auto found = co_await queries_.lookup(to.id(), 1, deadline);
        if (!found) co_return failure(found.error());
        out.lookup = std::move(*found);
        whom = out.lookup.closest;
    }
    std::size_t left = to.is_peer() ? 1 : options.results();
    std::error_code failed = errc::not_found;
    for (auto& each : whom) {
        if (left == 0 || env_.time->now() >= deadline) break;
        const auto key = each.peer;
        call_options how;
        auto work = exchange(std::move(each), service, body, std::move(how), deadline);
        auto reply = co_await std::move(work);
        if (reply) out.answers.emplace_back(key, std::move(*reply));
        if (!reply && (to.is_peer() || !has_not_begun(reply.error()))) failed = reply.error();
        if (reply || !has_not_begun(reply.error())) --left;
    }
    out.lookup.took = env_.time->now() - begun;
    if (out.answers.empty()) co_return failure(failed);
    co_return out;
}

}  // namespace mydht::detail
