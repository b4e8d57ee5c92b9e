#pragma once

#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

namespace mydht::bench {

/// What bulk streams are measured against: records sealed with ChaCha20-Poly1305 by libsodium, over TCP on loopback by
/// Asio's coroutines, the sender on the caller's thread and the receiver on its own. Several records are sealed into
/// one buffer and leave by one write; a read takes all that is there, and records are opened where they lie. No flow
/// control, frames, requests, turns or copies.
class bare_bulk {
public:
    explicit bare_bulk(std::size_t record_bytes);
    bare_bulk(const bare_bulk&) = delete;
    bare_bulk& operator=(const bare_bulk&) = delete;
    ~bare_bulk();

    /// Sends so many bytes, and returns when all have been opened over there.
    void run(std::size_t size);

private:
    asio::awaitable<void> send(std::size_t size);
    std::size_t seal(std::size_t records);
    asio::awaitable<void> receive();

    std::vector<std::uint8_t> plain_;
    std::vector<std::uint8_t> batch_;
    std::uint64_t sent_ = 0;
    std::uint64_t owed_ = 0;
    asio::io_context here_{1};
    asio::io_context there_{1};
    asio::ip::tcp::socket from_{here_};
    asio::ip::tcp::socket to_{there_};
    std::thread receiver_;
};

}  // namespace mydht::bench
