#include "bare_bulk.hpp"

#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/read.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <sodium.h>

#include "run_all.hpp"

namespace mydht::bench {

namespace {

constexpr std::size_t head_bytes = 2;
constexpr std::size_t tag_bytes = crypto_aead_chacha20poly1305_ietf_ABYTES;
/// The receiver says so much once for each of these bytes, so that the sender knows when all is there.
constexpr std::size_t told_every = 1024 * 1024;
constexpr std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_KEYBYTES> key{};

std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES> nonce_of(std::uint64_t number) {
    std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES> out{};
    std::memcpy(out.data() + 4, &number, sizeof number);
    return out;
}

}  // namespace

bare_bulk::bare_bulk(std::size_t record_bytes) : plain_(record_bytes), record_(head_bytes + record_bytes + tag_bytes) {
    if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
    asio::ip::tcp::acceptor acceptor(there_, {asio::ip::address_v4::loopback(), 0});
    from_.connect(acceptor.local_endpoint());
    to_ = acceptor.accept();
    asio::co_spawn(there_, receive(), [](const std::exception_ptr&) {});
    receiver_ = std::thread([this] { there_.run(); });
}

bare_bulk::~bare_bulk() {
    from_.close();
    receiver_.join();
}

void bare_bulk::run(std::size_t size) {
    std::vector<asio::awaitable<void>> work;
    work.push_back(send(size));
    run_all(here_, std::move(work));
}

asio::awaitable<void> bare_bulk::send(std::size_t size) {
    for (std::size_t done = 0; done < size; done += plain_.size()) {
        unsigned long long sealed = 0;
        const auto nonce = nonce_of(sent_++);
        crypto_aead_chacha20poly1305_ietf_encrypt(record_.data() + head_bytes, &sealed, plain_.data(), plain_.size(),
                                                  nullptr, 0, nullptr, nonce.data(), key.data());
        record_[0] = static_cast<std::uint8_t>(sealed >> 8U);
        record_[1] = static_cast<std::uint8_t>(sealed);
        co_await asio::async_write(from_, asio::buffer(record_), asio::use_awaitable);
        owed_ += plain_.size();
    }
    std::uint8_t told = 0;
    for (; owed_ >= told_every; owed_ -= told_every) {
        co_await asio::async_read(from_, asio::buffer(&told, 1), asio::use_awaitable);
    }
}

asio::awaitable<void> bare_bulk::receive() {
    std::vector<std::uint8_t> record(65536);
    std::vector<std::uint8_t> plain(record.size());
    std::uint64_t number = 0;
    for (std::size_t got = 0;;) {
        co_await asio::async_read(to_, asio::buffer(record, head_bytes), asio::use_awaitable);
        const auto size = record[0] * std::size_t{256} + record[1];
        co_await asio::async_read(to_, asio::buffer(record, size), asio::use_awaitable);
        unsigned long long opened = 0;
        const auto nonce = nonce_of(number++);
        const auto failed = crypto_aead_chacha20poly1305_ietf_decrypt(plain.data(), &opened, nullptr, record.data(),
                                                                      size, nullptr, 0, nonce.data(), key.data());
        if (failed != 0) throw std::runtime_error("a record does not open");
        for (got += static_cast<std::size_t>(opened); got >= told_every; got -= told_every) {
            co_await asio::async_write(to_, asio::buffer(plain.data(), 1), asio::use_awaitable);
        }
    }
}

}  // namespace mydht::bench
