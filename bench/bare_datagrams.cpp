#include "bare_datagrams.hpp"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <vector>

#include <asio/buffer.hpp>
#include <asio/use_awaitable.hpp>

#include "run_all.hpp"

namespace mydht::bench {

namespace {

using asio::ip::udp;
using buffer = std::vector<std::uint8_t>;

constexpr std::size_t packet_bytes_max = 2048;

asio::awaitable<void> answer(udp::socket& on) {
    buffer packet(packet_bytes_max);
    udp::endpoint from;
    for (;;) {
        const auto size = co_await on.async_receive_from(asio::buffer(packet), from, asio::use_awaitable);
        co_await on.async_send_to(asio::buffer(packet.data(), size), from, asio::use_awaitable);
    }
}

asio::awaitable<void> ask(udp::socket& on, udp::endpoint to, std::size_t count, std::size_t window, std::size_t size) {
    const buffer request(size);
    buffer packet(packet_bytes_max);
    udp::endpoint from;
    std::size_t sent = 0;
    for (; sent < std::min(window, count); ++sent)
        co_await on.async_send_to(asio::buffer(request), to, asio::use_awaitable);
    for (std::size_t answered = 0; answered < count; ++answered) {
        co_await on.async_receive_from(asio::buffer(packet), from, asio::use_awaitable);
        if (sent == count) continue;
        co_await on.async_send_to(asio::buffer(request), to, asio::use_awaitable);
        ++sent;
    }
}

}  // namespace

bare_datagrams::bare_datagrams(std::size_t askers, std::size_t packet_bytes)
    : packet_bytes_(packet_bytes), answers_(context_, udp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    for (std::size_t i = 0; i < askers; ++i) {
        asks_.emplace_back(context_, udp::endpoint(asio::ip::address_v4::loopback(), 0));
    }
    // It ends with the io_context.
    asio::co_spawn(context_, answer(answers_), [](const std::exception_ptr&) {});
}

void bare_datagrams::run(std::size_t round_trips, std::size_t window) {
    std::vector<asio::awaitable<void>> work;
    for (auto& each : asks_) {
        work.push_back(ask(each, answers_.local_endpoint(), round_trips, window, packet_bytes_));
    }
    run_all(context_, std::move(work));
}

}  // namespace mydht::bench
