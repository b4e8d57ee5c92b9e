#include <mydht/node/node.hpp>

#include <utility>

#include <mydht/runtime/run_on.hpp>

#include "node/node_core.hpp"

namespace mydht {

namespace {

/// What the handles share, as opposed to the operations: when it goes, nobody can stop the node any more but itself.
struct handles {
    explicit handles(std::shared_ptr<detail::node_core> core_) : core(std::move(core_)) {}
    handles(const handles&) = delete;
    handles& operator=(const handles&) = delete;
    ~handles() { detail::node_core::abandon(std::move(core)); }

    std::shared_ptr<detail::node_core> core;
};

std::shared_ptr<detail::node_core> handle_on(std::shared_ptr<detail::node_core> core) {
    auto* const raw = core.get();
    return {std::make_shared<handles>(std::move(core)), raw};
}

}  // namespace

using detail::node_core;

node::node(environment env, node_config config)
    : core_(handle_on(std::make_shared<node_core>(std::move(env), std::move(config)))) {}

task<result<join_report>> node::start() {
    return run_on(core_->env().exec, node_core::start(core_->shared_from_this()));
}

task<> node::stop() { return run_on(core_->env().exec, node_core::stop(core_->shared_from_this())); }

const node_id& node::id() const noexcept { return core_->self().id(); }
const public_key& node::key() const noexcept { return core_->self().key(); }
const std::vector<address>& node::addresses() const noexcept { return core_->addresses(); }
const std::optional<address>& node::listen_failed_at() const noexcept { return core_->listen_failed_at(); }

contact node::as_contact() const { return core_->as_contact(); }

task<result<put_report>> node::put(value what, put_options options) {
    return run_on(core_->env().exec, node_core::put(core_->shared_from_this(), std::move(what), std::move(options)));
}

task<result<get_report>> node::get(id256 where, get_options options) {
    return run_on(core_->env().exec, node_core::get(core_->shared_from_this(), where, std::move(options)));
}

task<result<put_report>> node::publish(std::shared_ptr<const identity> author, bytes content, publish_options options) {
    return run_on(core_->env().exec, node_core::publish(core_->shared_from_this(), std::move(author),
                                                        std::move(content), std::move(options)));
}

task<result<put_report>> node::retract(std::shared_ptr<const identity> author, publish_options options) {
    return run_on(core_->env().exec,
                  node_core::publish(core_->shared_from_this(), std::move(author), std::nullopt, std::move(options)));
}

task<result<lookup_report>> node::lookup(id256 target, get_options options) {
    return run_on(core_->env().exec, node_core::lookup(core_->shared_from_this(), target, std::move(options)));
}

task<result<put_report>> node::announce(announce_options options) {
    return run_on(core_->env().exec, node_core::announce(core_->shared_from_this(), std::move(options)));
}

task<result<peer_record>> node::resolve_peer(node_id who, get_options options) {
    return run_on(core_->env().exec, node_core::resolve_peer(core_->shared_from_this(), who, std::move(options)));
}

task<result<ping_report>> node::ping(address where, std::optional<node_id> pinned, std::chrono::milliseconds timeout) {
    return run_on(core_->env().exec, node_core::ping(core_->shared_from_this(), where, pinned, timeout));
}

task<result<stream>> node::open(node_id peer, std::string service, std::chrono::milliseconds timeout) {
    return run_on(core_->env().exec, node_core::open(core_->shared_from_this(), peer, std::move(service), timeout));
}

task<result<stream>> node::open(contact peer, std::string service, std::chrono::milliseconds timeout) {
    return run_on(core_->env().exec,
                  node_core::open_at(core_->shared_from_this(), std::move(peer), std::move(service), timeout));
}

task<result<bytes>> node::call(node_id peer, std::string service, bytes request, call_options options) {
    return run_on(core_->env().exec, node_core::call(core_->shared_from_this(), peer, std::move(service),
                                                     std::move(request), std::move(options)));
}

task<result<bytes>> node::call(contact peer, std::string service, bytes request, call_options options) {
    return run_on(core_->env().exec, node_core::call_at(core_->shared_from_this(), std::move(peer), std::move(service),
                                                        std::move(request), std::move(options)));
}

void node::serve(std::string service, service_handler handler) {
    node_core::serve(core_->shared_from_this(), std::move(service), std::move(handler), std::nullopt);
}

void node::serve(std::string service, call_service calls, serve_options options) {
    service_handler streams = calls;
    auto travelling = options.is_forwarded() ? std::optional(std::move(calls)) : std::nullopt;
    node_core::serve(core_->shared_from_this(), std::move(service), std::move(streams), std::move(travelling));
}

task<result<request_report>> node::request(request_target to, std::string service, bytes body,
                                           request_options options) {
    return run_on(core_->env().exec, node_core::request(core_->shared_from_this(), std::move(to), std::move(service),
                                                        std::move(body), std::move(options)));
}

void node::unserve(std::string service) { node_core::unserve(core_->shared_from_this(), std::move(service)); }

task<std::vector<contact>> node::contacts() const {
    return run_on(core_->env().exec, node_core::contacts(core_->shared_from_this()));
}

event_stream node::events(std::size_t capacity) const { return node_core::events(core_->shared_from_this(), capacity); }

task<node_status> node::status() const {
    return run_on(core_->env().exec, node_core::status(core_->shared_from_this()));
}

}  // namespace mydht
