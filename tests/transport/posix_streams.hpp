#pragma once

#include <atomic>
#include <cerrno>
#include <memory>
#include <stop_token>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include <mydht/transport/blocking.hpp>

#include "transport/socket_address.hpp"
#include "transport/system_errors.hpp"

namespace mydht::test {

/// Plain blocking TCP sockets, as somebody would write them who knows nothing of coroutines.
class posix_connection final : public blocking_connection {
public:
    explicit posix_connection(int descriptor) : descriptor_(descriptor) {
        detail::socket_address name;
        name.size = sizeof name.storage;
        if (::getsockname(descriptor, name.data(), &name.size) == 0) local_ = to_address(name);
        name.size = sizeof name.storage;
        if (::getpeername(descriptor, name.data(), &name.size) == 0) remote_ = to_address(name);
    }
    ~posix_connection() override { ::close(descriptor_); }

    result<std::size_t> read(bytes_span into) override {
        const auto count = ::recv(descriptor_, into.data(), into.size(), 0);
        if (count > 0) return static_cast<std::size_t>(count);
        return failure(count == 0 ? make_error_code(errc::end_of_stream) : last_error());
    }

    result<void> write(bytes_view data) override {
        while (!data.empty()) {
            const auto count = ::send(descriptor_, data.data(), data.size(), MSG_NOSIGNAL);
            if (count < 0) return failure(last_error());
            data = data.subspan(static_cast<std::size_t>(count));
        }
        return {};
    }

    result<void> shutdown_write() override {
        if (::shutdown(descriptor_, SHUT_WR) != 0) return failure(last_error());
        return {};
    }

    void close() noexcept override { ::shutdown(descriptor_, SHUT_RDWR); }
    [[nodiscard]] address local() const override { return local_; }
    [[nodiscard]] address remote() const override { return remote_; }

    [[nodiscard]] static std::error_code last_error() {
        return make_error_code(detail::stream_error({errno, std::system_category()}));
    }
    [[nodiscard]] static address to_address(const detail::socket_address& name) {
        return detail::from_system(*name.data(), address_kind::tcp);
    }

private:
    int descriptor_;
    address local_;
    address remote_;
};

class posix_listener final : public blocking_listener {
public:
    posix_listener(int descriptor, address local) : descriptor_(descriptor), local_(local) {}
    ~posix_listener() override { ::close(descriptor_); }

    result<std::unique_ptr<blocking_connection>> accept() override {
        for (;;) {
            const int made = ::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC);
            if (made >= 0) return std::make_unique<posix_connection>(made);
            if (closed_) return failure(errc::closed);
            if (errno != EINTR && errno != ECONNABORTED) return failure(errc::network_failed);
        }
    }

    void close() noexcept override {
        closed_ = true;
        ::shutdown(descriptor_, SHUT_RDWR);
    }
    [[nodiscard]] address local() const override { return local_; }

private:
    int descriptor_;
    address local_;
    std::atomic<bool> closed_ = false;
};

class posix_streams {
public:
    [[nodiscard]] address_kind kind() const { return address_kind::tcp; }

    result<std::unique_ptr<blocking_listener>> listen(const address& at) {
        const int made = open(at);
        if (made < 0) return failure(errc::out_of_descriptors);
        const auto name = detail::to_system(at);
        const int on = 1;
        ::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (::bind(made, name.data(), name.size) != 0 || ::listen(made, 128) != 0) {
            const auto error = detail::listen_error({errno, std::system_category()});
            ::close(made);
            return failure(error);
        }
        detail::socket_address bound;
        bound.size = sizeof bound.storage;
        ::getsockname(made, bound.data(), &bound.size);
        return std::make_unique<posix_listener>(made, posix_connection::to_address(bound));
    }

    result<std::unique_ptr<blocking_connection>> connect(const address& to, std::stop_token stop) {
        const int made = open(to);
        if (made < 0) return failure(errc::out_of_descriptors);
        if (const int error = connect_until(made, detail::to_system(to), std::move(stop)); error != 0) {
            ::close(made);
            return failure(detail::connect_error({error, std::system_category()}));
        }
        return std::make_unique<posix_connection>(made);
    }

private:
    static int connect_until(int descriptor, const detail::socket_address& to, std::stop_token stop) {
        // A socket that is shut down while it connects fails to.
        const std::stop_callback stopping(std::move(stop), [descriptor] { ::shutdown(descriptor, SHUT_RDWR); });
        return ::connect(descriptor, to.data(), to.size) == 0 ? 0 : errno;
    }

    static int open(const address& at) {
        return ::socket(at.is_ipv4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
};

}  // namespace mydht::test
