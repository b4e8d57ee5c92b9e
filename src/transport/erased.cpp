#include <mydht/transport/transport.hpp>

namespace mydht {

namespace {

/// What an operation on an empty handle answers.
template <typename T>
task<result<T>> answer(errc code) {
    co_return failure(code);
}

}  // namespace

any_connection& any_connection::operator=(any_connection&& other) noexcept {
    if (this != &other) {
        close();
        impl_ = std::move(other.impl_);
    }
    return *this;
}

any_connection::~any_connection() { close(); }

task<result<std::size_t>> any_connection::read_some(bytes_span into) {
    return impl_ ? impl_->read_some(into) : answer<std::size_t>(errc::closed);
}

task<result<void>> any_connection::write(bytes_view data) {
    return impl_ ? impl_->write(data) : answer<void>(errc::closed);
}

task<result<void>> any_connection::shutdown_write() {
    return impl_ ? impl_->shutdown_write() : answer<void>(errc::closed);
}

void any_connection::close() {
    if (impl_) impl_->close();
}

address any_connection::local() const { return impl_ ? impl_->local() : address(); }

address any_connection::remote() const { return impl_ ? impl_->remote() : address(); }

any_listener& any_listener::operator=(any_listener&& other) noexcept {
    if (this != &other) {
        close();
        impl_ = std::move(other.impl_);
    }
    return *this;
}

any_listener::~any_listener() { close(); }

task<result<any_connection>> any_listener::accept() {
    return impl_ ? impl_->accept() : answer<any_connection>(errc::closed);
}

void any_listener::close() {
    if (impl_) impl_->close();
}

address any_listener::local() const { return impl_ ? impl_->local() : address(); }

address_kind any_transport::kind() const { return impl_ ? impl_->kind() : address_kind::none; }

bool any_transport::simulated() const { return impl_ && impl_->simulated(); }

task<result<any_listener>> any_transport::listen(address at) {
    return impl_ ? impl_->listen(at) : answer<any_listener>(errc::unsupported_address);
}

task<result<any_connection>> any_transport::connect(address to) {
    return impl_ ? impl_->connect(to) : answer<any_connection>(errc::unsupported_address);
}

}  // namespace mydht
