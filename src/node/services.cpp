#include <algorithm>
#include <stdexcept>
#include <utility>

#include <asio/dispatch.hpp>

#include <mydht/crypto/ids.hpp>

#include <mydht/runtime/deadline.hpp>

#include "node/node_core.hpp"
#include "node/operation.hpp"

namespace mydht::detail {

void node_core::serve(const std::shared_ptr<node_core>& self, std::string service, service_handler handler,
                      std::optional<call_service> travelling) {
    // Said here, where the caller can see it.
    if (!valid_service_name(service))
        throw std::invalid_argument("serve: \"" + service + "\" is no name for a service");
    if (!handler) throw std::invalid_argument("serve: no handler for \"" + service + "\"");
    asio::dispatch(self->env_.exec, [self, service = std::move(service), handler = std::move(handler),
                                     travelling = std::move(travelling)]() mutable {
        self->travelling_services_.erase(service);
        if (travelling) {
            self->travelling_services_.emplace(service, std::move(*travelling));
            self->ways_in_wanted_.notify_all();
        }
        self->pool_.serve(std::move(service), std::move(handler));
    });
}

void node_core::unserve(const std::shared_ptr<node_core>& self, std::string service) {
    asio::dispatch(self->env_.exec, [self, service = std::move(service)] {
        self->travelling_services_.erase(service);
        self->pool_.unserve(service);
    });
}

task<result<contact>> node_core::locate(node_id peer, steady_time deadline) {
    if (const auto link = pool_.find(peer); link.open()) co_return link.peer().who;
    if (const auto* const known = table_.find(peer)) co_return known->contact;
    const auto found = co_await queries_.lookup(peer, 1, deadline);
    if (!found) co_return failure(found.error());
    const auto at = std::ranges::find(found->closest, peer, &contact::id);
    if (at != found->closest.end()) co_return *at;
    // Clients enter nobody's table, but may have announced where they are.
    get_options left;
    left.timeout(std::chrono::duration_cast<std::chrono::milliseconds>(deadline - env_.time->now()));
    auto record = co_await find_record(peer, std::move(left));
    if (!record) co_return failure(errc::not_found);
    co_return contact_of(record->peer, record->capabilities, std::move(record->addresses));
}

task<result<stream>> node_core::open_stream(contact peer, std::string service, steady_time deadline, open_mode mode) {
    if (peer.id == self_->id()) co_return failure(errc::self_connection);
    const bool reused = pool_.find(peer.id).open();
    auto opened = co_await pool_.open(peer, service, deadline, mode);
    // A link that was idle may be closed by the peer just when it is used; a second attempt then makes a new one.
    const bool gone = !opened && opened.error() == errc::session_closed;
    if (reused && gone) opened = co_await pool_.open(std::move(peer), std::move(service), deadline, mode);
    co_return opened;
}

task<result<stream>> node_core::open(std::shared_ptr<node_core> self, node_id peer, std::string service,
                                     std::chrono::milliseconds timeout) {
    const operation running(*self);
    if (!running.admitted()) co_return failure(errc::not_running);
    if (peer == self->self_->id()) co_return failure(errc::self_connection);
    const auto deadline = self->env_.time->now() + timeout;
    auto who = co_await self->locate(peer, deadline);
    if (!who) co_return failure(who.error());
    auto opened = co_await self->open_stream(std::move(*who), std::move(service), deadline);
    co_return opened;
}

task<result<stream>> node_core::open_at(std::shared_ptr<node_core> self, contact peer, std::string service,
                                        std::chrono::milliseconds timeout) {
    const operation running(*self);
    if (!running.admitted()) co_return failure(errc::not_running);
    const auto deadline = self->env_.time->now() + timeout;
    auto opened = co_await self->open_stream(std::move(peer), std::move(service), deadline);
    co_return opened;
}

task<result<bytes>> node_core::call(std::shared_ptr<node_core> self, node_id peer, std::string service, bytes request,
                                    call_options options) {
    const operation running(*self);
    if (!running.admitted()) co_return failure(errc::not_running);
    if (peer == self->self_->id()) co_return failure(errc::self_connection);
    const auto deadline = self->env_.time->now() + options.timeout();
    auto who = co_await self->locate(peer, deadline);
    if (!who) co_return failure(who.error());
    auto work = self->exchange(std::move(*who), std::move(service), std::move(request), std::move(options), deadline);
    auto response = co_await std::move(work);
    co_return response;
}

task<result<bytes>> node_core::call_at(std::shared_ptr<node_core> self, contact peer, std::string service,
                                       bytes request, call_options options) {
    const operation running(*self);
    if (!running.admitted()) co_return failure(errc::not_running);
    const auto deadline = self->env_.time->now() + options.timeout();
    auto work = self->exchange(std::move(peer), std::move(service), std::move(request), std::move(options), deadline);
    auto response = co_await std::move(work);
    co_return response;
}

task<result<bytes>> node_core::exchange(contact peer, std::string service, bytes request, call_options options,
                                        steady_time deadline) {
    auto over = co_await open_stream(std::move(peer), std::move(service), deadline, open_mode::at_once);
    if (!over) co_return failure(over.error());
    auto work = exchange_call(*over, std::move(request), std::move(options.attached()), options.limits());
    auto response = co_await with_deadline(*env_.time, deadline, std::move(work));
    co_return response;
}

}  // namespace mydht::detail
