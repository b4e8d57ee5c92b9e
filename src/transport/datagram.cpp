#include <mydht/transport/datagram.hpp>

namespace mydht {

namespace {

/// What an operation on an empty handle answers.
template <typename T>
task<result<T>> answer(errc code) {
    co_return failure(code);
}

}  // namespace

any_datagram_socket& any_datagram_socket::operator=(any_datagram_socket&& other) noexcept {
    if (this != &other) {
        close();
        impl_ = std::move(other.impl_);
    }
    return *this;
}

any_datagram_socket::~any_datagram_socket() { close(); }

result<std::optional<datagrams>> any_datagram_socket::receive(bytes_span into) {
    if (!impl_) return failure(errc::closed);
    return impl_->receive(into);
}

task<result<void>> any_datagram_socket::wait_readable() {
    return impl_ ? impl_->wait_readable() : answer<void>(errc::closed);
}

result<bool> any_datagram_socket::send(const address& to, bytes_view data, std::size_t packet_bytes) {
    if (!impl_) return failure(errc::closed);
    return impl_->send(to, data, packet_bytes);
}

task<result<void>> any_datagram_socket::wait_writable() {
    return impl_ ? impl_->wait_writable() : answer<void>(errc::closed);
}

void any_datagram_socket::close() {
    if (impl_) impl_->close();
}

address any_datagram_socket::local() const { return impl_ ? impl_->local() : address(); }

std::size_t any_datagram_socket::packet_bytes_max() const { return impl_ ? impl_->packet_bytes_max() : 0; }

std::size_t any_datagram_socket::batch_bytes_max() const { return impl_ ? impl_->batch_bytes_max() : 0; }

address_kind any_datagram_transport::kind() const { return impl_ ? impl_->kind() : address_kind::none; }

address any_datagram_transport::anywhere(const address& towards) const {
    return impl_ ? impl_->anywhere(towards) : address();
}

task<result<any_datagram_socket>> any_datagram_transport::open(address at) {
    return impl_ ? impl_->open(at) : answer<any_datagram_socket>(errc::unsupported_address);
}

std::optional<bool> any_datagram_transport::has_address(const address& at) const {
    return impl_ ? impl_->has_address(at) : std::nullopt;
}

bool any_datagram_transport::simulated() const { return impl_ && impl_->simulated(); }

}  // namespace mydht
