#include <cassert>
#include <utility>

#include "sim/datagram_core.hpp"

namespace mydht::sim::detail {

namespace {

task<result<void>> wait_readable(mail_port_ptr port) {
    assert(port->readable.empty());
    while (!port->closed && port->received.empty()) co_await port->readable.wait();
    if (port->closed) co_return failure(errc::closed);
    co_return result<void>();
}

task<result<void>> wait_writable(mail_port_ptr port) {
    assert(port->writable.empty());
    while (!port->closed && !port->core->has_room(*port)) co_await port->writable.wait();
    if (port->closed) co_return failure(errc::closed);
    co_return result<void>();
}

class sim_datagram_socket {
public:
    explicit sim_datagram_socket(mail_port_ptr port)
        : port_(std::move(port)),
          packet_bytes_max_(port_->core->packet_bytes_max()),
          batch_bytes_max_(port_->core->batch_bytes_max()) {}

    result<std::optional<datagrams>> receive(bytes_span into) {
        if (port_->closed) return failure(errc::closed);
        return port_->received.take(into);
    }
    result<bool> send(const address& to, bytes_view data, std::size_t packet_bytes) {
        if (port_->closed) return failure(errc::closed);
        return port_->core->send(*port_, to, data, packet_bytes);
    }
    task<result<void>> wait_readable() { return detail::wait_readable(port_); }
    task<result<void>> wait_writable() { return detail::wait_writable(port_); }
    [[nodiscard]] address local() const { return port_->local; }
    // The core may be gone before its sockets are.
    [[nodiscard]] std::size_t packet_bytes_max() const { return packet_bytes_max_; }
    [[nodiscard]] std::size_t batch_bytes_max() const { return batch_bytes_max_; }

    void close() {
        if (!port_->closed) port_->core->close(*port_);
    }

private:
    mail_port_ptr port_;
    std::size_t packet_bytes_max_;
    std::size_t batch_bytes_max_;
};

task<result<any_datagram_socket>> open(std::shared_ptr<datagram_core> core, node_index node, address at) {
    auto made = core->open(node, at);
    if (!made) co_return failure(made.error());
    co_return any_datagram_socket(sim_datagram_socket(std::move(*made)));
}

class sim_datagram_transport {
public:
    sim_datagram_transport(std::shared_ptr<datagram_core> core, node_index node)
        : core_(std::move(core)), node_(node) {}

    [[nodiscard]] address_kind kind() const { return address_kind::udp; }
    [[nodiscard]] bool simulated() const noexcept { return true; }
    [[nodiscard]] address anywhere(const address&) const { return address::ipv4(address_kind::udp, {}, 0); }
    task<result<any_datagram_socket>> open(address at) { return detail::open(core_, node_, at); }

private:
    std::shared_ptr<datagram_core> core_;
    node_index node_;
};

}  // namespace

any_datagram_transport make_datagram_transport(std::shared_ptr<datagram_core> core, node_index node) {
    return any_datagram_transport(sim_datagram_transport(std::move(core), node));
}

}  // namespace mydht::sim::detail
