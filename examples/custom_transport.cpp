// A transport of one's own: Unix domain sockets, held against the suite that mydht's own transports pass.
#include <asio/experimental/as_tuple.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/use_awaitable.hpp>
#include <filesystem>
#include <iostream>
#include <mydht/transport/conformance.hpp>

using namespace mydht;
using protocol = asio::local::stream_protocol;

// Numbers that mydht does not know travel as they are. The bytes of such an address are the path of the socket.
constexpr auto unix_kind = static_cast<address_kind>(200);
constexpr auto as_result = asio::experimental::as_tuple(asio::use_awaitable);

std::string path_of(const address& at) { return std::string(as_text(at.data())); }

errc meaning(bool closed, const std::error_code& error) {
    if (closed) return errc::closed;
    if (error == asio::error::operation_aborted) throw std::system_error(error);  // cancelled: goes on unwinding
    if (error == asio::error::eof) return errc::end_of_stream;
    if (error.value() == EADDRINUSE) return errc::address_in_use;
    if (error.value() == ENOENT || error.value() == ECONNREFUSED) return errc::connection_refused;
    if (error.value() == EPIPE || error.value() == ECONNRESET) return errc::connection_reset;
    return errc::network_failed;
}

struct unix_connection {
    protocol::socket socket;
    address own, peer;
    bool closed = false, write_ended = false;
    task<result<std::size_t>> read_some(bytes_span into) {
        if (closed || into.empty()) co_return closed ? failure(errc::closed) : result<std::size_t>(0);
        const auto [error, count] = co_await socket.async_read_some(asio::buffer(into.data(), into.size()), as_result);
        if (error || closed) co_return failure(meaning(closed, error));
        co_return count;
    }
    task<result<void>> write(bytes_view data) {
        if (closed || write_ended) co_return failure(errc::closed);
        while (!data.empty()) {
            const auto [error, count] =
                co_await socket.async_write_some(asio::buffer(data.data(), data.size()), as_result);
            if (error || closed) co_return failure(meaning(closed, error));
            data = data.subspan(count);
        }
        co_return result<void>();
    }
    task<result<void>> shutdown_write() {
        if (closed) co_return failure(errc::closed);
        write_ended = true;
        std::error_code error;
        socket.shutdown(protocol::socket::shutdown_send, error);
        co_return result<void>();
    }
    void close() { closed = true, socket.close(); }
    address local() const { return own; }
    address remote() const { return peer; }
};

struct unix_listener {
    protocol::acceptor acceptor;
    address own;
    bool closed = false;
    task<result<any_connection>> accept() {
        if (closed) co_return failure(errc::closed);
        auto [error, socket] = co_await acceptor.async_accept(as_result);
        if (error || closed) co_return failure(meaning(closed, error));
        co_return any_connection(unix_connection{std::move(socket), own, {}});
    }
    void close() {
        if (!std::exchange(closed, true)) acceptor.close(), std::filesystem::remove(path_of(own));
    }
    address local() const { return own; }
};

struct unix_transport {
    executor on;
    address_kind kind() const { return unix_kind; }
    task<result<any_listener>> listen(address at) {
        if (at.kind() != unix_kind) co_return failure(errc::unsupported_address);
        protocol::acceptor acceptor(on, protocol());
        std::error_code error;
        acceptor.bind(path_of(at), error);
        if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
        if (error) co_return failure(meaning(false, error));
        co_return any_listener(unix_listener{std::move(acceptor), at});
    }
    task<result<any_connection>> connect(address to) {
        if (to.kind() != unix_kind) co_return failure(errc::unsupported_address);
        protocol::socket socket(on);
        const protocol::endpoint where(path_of(to));
        const auto [error] = co_await socket.async_connect(where, as_result);
        if (error) co_return failure(meaning(false, error));
        co_return any_connection(unix_connection{std::move(socket), {}, to});
    }
};

task<> check(environment env, std::string folder, bool& passed) {
    conformance_subject subject;
    subject.env = env;
    subject.listening = subject.dialing = any_transport(unix_transport{env.exec});
    subject.listen_at = [folder, count = 0]() mutable {
        return address::from_bytes(unix_kind, as_bytes(folder + "/" + std::to_string(++count))).value();
    };
    subject.buffered_bytes_max = 1U << 20U;
    const auto report = co_await check_transport(subject);
    for (const auto& finding : report.findings) std::cerr << finding << "\n";
    std::cout << report.passed << " checks passed, " << report.failed << " failed\n";
    passed = report.failed == 0;
}

int main() {
    bool passed = false;
    char folder[] = "/tmp/mydht-XXXXXX";
    if (mkdtemp(folder) == nullptr) return 1;
    mydht::run([&](environment env) { return check(std::move(env), folder, passed); });
    std::filesystem::remove_all(folder);
    return passed ? 0 : 1;
}
