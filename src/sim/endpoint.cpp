#include "sim/endpoint.hpp"

#include <cassert>

#include "sim/network_core.hpp"

namespace mydht::sim::detail {

namespace {

task<result<std::size_t>> read_some(endpoint_ptr e, bytes_span into) {
    if (e->closed) co_return failure(errc::closed);
    if (into.empty()) co_return std::size_t{0};
    assert(e->readable.empty());
    while (e->received.empty()) {
        if (e->peer_ended) co_return failure(errc::end_of_stream);
        if (e->broken) co_return failure(*e->broken);
        co_await e->readable.wait();
        if (e->closed) co_return failure(errc::closed);
    }
    co_return e->core->take(*e, into);
}

task<result<void>> write(endpoint_ptr e, bytes_view data) {
    if (e->closed || e->write_ended) co_return failure(errc::closed);
    assert(e->writable.empty());
    while (!data.empty()) {
        if (e->broken) co_return failure(*e->broken);
        const auto sent = e->core->send(*e, data);
        data = data.subspan(sent);
        if (data.empty()) break;
        co_await e->writable.wait();
        if (e->closed) co_return failure(errc::closed);
    }
    co_return result<void>();
}

task<result<void>> shutdown_write(endpoint_ptr e) {
    if (e->closed) co_return failure(errc::closed);
    if (e->write_ended) co_return result<void>();
    if (e->broken) co_return failure(*e->broken);
    e->core->end_writing(*e);
    co_return result<void>();
}

class sim_connection {
public:
    explicit sim_connection(endpoint_ptr end) : end_(std::move(end)) {}

    task<result<std::size_t>> read_some(bytes_span into) { return detail::read_some(end_, into); }
    task<result<void>> write(bytes_view data) { return detail::write(end_, data); }
    task<result<void>> shutdown_write() { return detail::shutdown_write(end_); }
    [[nodiscard]] address local() const { return end_->local(); }
    [[nodiscard]] address remote() const { return end_->remote(); }
    void close() { end_->close(); }

private:
    endpoint_ptr end_;
};

task<result<any_connection>> accept(listener_ptr l) {
    while (l->waiting.empty()) {
        if (l->closed) co_return failure(errc::closed);
        co_await l->arrived.wait();
    }
    auto next = std::move(l->waiting.front());
    l->waiting.pop_front();
    co_return any_connection(sim_connection(std::move(next)));
}

class sim_listener {
public:
    explicit sim_listener(listener_ptr l) : listener_(std::move(l)) {}

    task<result<any_connection>> accept() { return detail::accept(listener_); }
    [[nodiscard]] address local() const { return listener_->local; }

    void close() {
        if (!listener_->closed) listener_->core->close(*listener_);
    }

private:
    listener_ptr listener_;
};

task<result<any_listener>> listen(std::shared_ptr<network_core> core, node_index node, address at) {
    auto made = core->listen(node, at);
    if (!made) co_return failure(made.error());
    co_return any_listener(sim_listener(std::move(*made)));
}

task<result<any_connection>> connect(std::shared_ptr<network_core> core, node_index node, address to) {
    const auto made = core->dial(node, to);
    if (!made) co_return failure(made.error());
    const auto& e = *made;
    // Owns the end from the start, so that a cancelled dial leaves none behind.
    any_connection connection{sim_connection(e)};
    while (!e->established) {
        if (e->broken) co_return failure(*e->broken);
        co_await e->readable.wait();
    }
    co_return std::move(connection);
}

class sim_transport {
public:
    sim_transport(std::shared_ptr<network_core> core, node_index node) : core_(std::move(core)), node_(node) {}

    [[nodiscard]] address_kind kind() const { return address_kind::tcp; }
    [[nodiscard]] bool simulated() const noexcept { return true; }
    task<result<any_listener>> listen(address at) { return detail::listen(core_, node_, at); }
    task<result<any_connection>> connect(address to) { return detail::connect(core_, node_, to); }

private:
    std::shared_ptr<network_core> core_;
    node_index node_;
};

}  // namespace

address endpoint::local() const { return address::ipv4(address_kind::tcp, local_host, local_port); }

address endpoint::remote() const { return address::ipv4(address_kind::tcp, peer_host, peer_port); }

void endpoint::close() {
    if (closed) return;
    if (!broken) {
        core->close(*this);
        return;
    }
    // The network has let go of it already.
    closed = true;
    readable.notify_all();
    writable.notify_all();
}

any_transport make_transport(std::shared_ptr<network_core> core, node_index node) {
    return any_transport(sim_transport(std::move(core), node));
}

}  // namespace mydht::sim::detail
