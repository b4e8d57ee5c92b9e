#include "bare_echo.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include <asio/buffer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include "run_all.hpp"

namespace mydht::bench {

namespace {

using asio::ip::tcp;
using buffer = std::vector<std::uint8_t>;

constexpr std::size_t read_bytes = 16 * 1024;
constexpr std::size_t header_bytes = sizeof(std::uint32_t);

/// Reads on, and appends whole frames to `into`. How many there were.
asio::awaitable<std::size_t> read_frames(tcp::socket& from, buffer& received, std::size_t& waiting, buffer* into) {
    const auto got = co_await from.async_read_some(asio::buffer(received) + waiting, asio::use_awaitable);
    waiting += got;
    std::size_t begin = 0;
    std::size_t frames = 0;
    while (waiting - begin >= header_bytes) {
        std::uint32_t length = 0;
        std::memcpy(&length, received.data() + begin, header_bytes);
        const auto size = header_bytes + length;
        if (waiting - begin < size) break;
        if (into != nullptr) into->insert(into->end(), received.data() + begin, received.data() + begin + size);
        begin += size;
        ++frames;
    }
    std::memmove(received.data(), received.data() + begin, waiting - begin);
    waiting -= begin;
    co_return frames;
}

asio::awaitable<void> serve(tcp::socket peer) {
    buffer received(read_bytes);
    buffer answers;
    std::size_t waiting = 0;
    for (;;) {
        answers.clear();
        const auto frames = co_await read_frames(peer, received, waiting, &answers);
        if (frames > 0) co_await asio::async_write(peer, asio::buffer(answers), asio::use_awaitable);
    }
}

buffer make_frames(std::size_t count, std::size_t size) {
    buffer out(count * size);
    const auto length = static_cast<std::uint32_t>(size - header_bytes);
    for (std::size_t i = 0; i < count; ++i) std::memcpy(out.data() + i * size, &length, header_bytes);
    return out;
}

asio::awaitable<void> ask(tcp::socket& peer, std::size_t count, std::size_t window, std::size_t size) {
    const auto requests = make_frames(window, size);
    buffer received(read_bytes);
    std::size_t waiting = 0;
    std::size_t sent = 0;
    std::size_t answered = 0;
    std::size_t room = window;
    while (answered < count) {
        const auto next = std::min(room, count - sent);
        if (next > 0) co_await asio::async_write(peer, asio::buffer(requests.data(), next * size), asio::use_awaitable);
        sent += next;
        room = co_await read_frames(peer, received, waiting, nullptr);
        answered += room;
    }
}

}  // namespace

bare_echo::bare_echo(std::size_t connections, std::size_t frame_bytes) : frame_bytes_(frame_bytes) {
    tcp::acceptor acceptor(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    for (std::size_t i = 0; i < connections; ++i) {
        auto& client = clients_.emplace_back(context_);
        client.connect(acceptor.local_endpoint());
        client.set_option(tcp::no_delay(true));
        auto server = acceptor.accept();
        server.set_option(tcp::no_delay(true));
        // It ends with the io_context.
        asio::co_spawn(context_, serve(std::move(server)), [](const std::exception_ptr&) {});
    }
}

void bare_echo::run(std::size_t round_trips, std::size_t window) {
    std::vector<asio::awaitable<void>> work;
    for (auto& each : clients_) work.push_back(ask(each, round_trips, window, frame_bytes_));
    run_all(context_, std::move(work));
}

}  // namespace mydht::bench
