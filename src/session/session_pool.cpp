#include <mydht/session/session_pool.hpp>

#include <algorithm>
#include <utility>

#include "session/pool_core.hpp"

namespace mydht {

struct session_pool::impl {
    std::shared_ptr<detail::pool_core> core;
    wire::link_mode mode = wire::link_mode::secured;
};

namespace {

task<result<session>> refuse(errc why) { co_return failure(why); }

}  // namespace

session_pool::session_pool(environment env, std::shared_ptr<const identity> self, session_config config,
                           request_handler handler, session_events events)
    : impl_(std::make_unique<impl>()) {
    impl_->mode = config.mode;
    impl_->core = std::make_shared<detail::pool_core>(std::move(env), std::move(self), std::move(config),
                                                      std::move(handler), std::move(events));
}

session_pool::~session_pool() { impl_->core->abandon(); }

void session_pool::add_transport(any_transport with) { impl_->core->add_transport(std::move(with)); }
void session_pool::add_transport(any_datagram_transport with) { impl_->core->add_transport(std::move(with)); }

task<result<address>> session_pool::listen(address at) { return detail::pool_core::listen(impl_->core, at); }

void session_pool::describe(std::uint32_t capabilities, std::vector<address> addresses) {
    impl_->core->describe(capabilities, std::move(addresses));
}

namespace {

detail::dial_target target_of(contact who) {
    detail::dial_target out;
    out.key.peer = who.id;
    out.key.where = who.addresses;
    std::ranges::sort(out.key.where);
    out.addresses = std::move(who.addresses);
    out.known = who.peer;
    return out;
}

}  // namespace

task<result<session>> session_pool::connect(contact who, steady_time deadline) {
    return detail::pool_core::connect(impl_->core, target_of(std::move(who)), deadline);
}

task<result<asked_peer>> session_pool::ask(contact who, wire::message what, steady_time deadline, address_source source,
                                           steady_time reached_by, address cause) {
    auto to = target_of(std::move(who));
    to.source = source;
    to.reached_by = reached_by;
    if (!cause.empty()) to.cause = network_prefix(cause);
    return detail::pool_core::ask(impl_->core, std::move(to), std::move(what), deadline);
}

task<result<session>> session_pool::connect_to(address where, std::optional<node_id> pinned, steady_time deadline) {
    if (pinned && impl_->mode == wire::link_mode::plain) return refuse(errc::identity_mismatch);
    detail::dial_target to;
    to.key.peer = pinned;
    to.key.where = {where};
    to.addresses = {where};
    return detail::pool_core::connect(impl_->core, std::move(to), deadline);
}

task<result<void>> session_pool::probe(node_id who, address where, steady_time deadline, address cause) {
    return detail::pool_core::probe(impl_->core, who, where, deadline, cause.empty() ? bytes() : network_prefix(cause));
}

session session_pool::find(const node_id& peer) const { return impl_->core->find(peer); }

task<result<stream>> session_pool::open(contact who, std::string service, steady_time deadline, open_mode mode) {
    auto dial = connect(std::move(who), deadline);
    return detail::pool_core::open(impl_->core, std::move(dial), std::move(service), deadline, mode);
}

void session_pool::serve(std::string service, service_handler handler) {
    impl_->core->serve(std::move(service), std::move(handler));
}

bool session_pool::unserve(std::string_view service) { return impl_->core->unserve(service); }

std::size_t session_pool::size() const noexcept { return impl_->core->size(); }

std::vector<session> session_pool::sessions() const { return impl_->core->sessions(); }

const session_counters& session_pool::counters() const noexcept { return impl_->core->counters(); }

task<> session_pool::stop(duration grace) { return detail::pool_core::stop(impl_->core, grace); }

}  // namespace mydht
