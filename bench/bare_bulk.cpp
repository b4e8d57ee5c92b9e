#include "bare_bulk.hpp"

#include <algorithm>
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
/// Of one write. Fewer records, or less for one read, were slower; more were not faster.
constexpr std::size_t records_max = 16;
constexpr std::size_t read_bytes = std::size_t{512} * 1024;
/// The receiver says so much once for each of these bytes, so that the sender knows when all is there.
constexpr std::size_t told_every = 1024 * 1024;
constexpr std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_KEYBYTES> key{};

std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES> nonce_of(std::uint64_t number) {
    std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES> out{};
    std::memcpy(out.data() + 4, &number, sizeof number);
    return out;
}

}  // namespace

bare_bulk::bare_bulk(std::size_t record_bytes)
    : plain_(record_bytes), batch_(records_max * (head_bytes + record_bytes + tag_bytes)) {
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

std::size_t bare_bulk::seal(std::size_t records) {
    auto* at = batch_.data();
    for (std::size_t i = 0; i < records; ++i) {
        unsigned long long sealed = 0;
        const auto nonce = nonce_of(sent_++);
        crypto_aead_chacha20poly1305_ietf_encrypt(at + head_bytes, &sealed, plain_.data(), plain_.size(), nullptr, 0,
                                                  nullptr, nonce.data(), key.data());
        at[0] = static_cast<std::uint8_t>(sealed >> 8U);
        at[1] = static_cast<std::uint8_t>(sealed);
        at += head_bytes + sealed;
    }
    return static_cast<std::size_t>(at - batch_.data());
}

asio::awaitable<void> bare_bulk::send(std::size_t size) {
    for (auto left = (size + plain_.size() - 1) / plain_.size(); left > 0;) {
        const auto records = std::min(left, records_max);
        const auto bytes = seal(records);
        co_await asio::async_write(from_, asio::buffer(batch_.data(), bytes), asio::use_awaitable);
        owed_ += records * plain_.size();
        left -= records;
    }
    std::uint8_t told = 0;
    for (; owed_ >= told_every; owed_ -= told_every) {
        co_await asio::async_read(from_, asio::buffer(&told, 1), asio::use_awaitable);
    }
}

asio::awaitable<void> bare_bulk::receive() {
    std::vector<std::uint8_t> buffer(read_bytes);
    std::uint64_t number = 0;
    std::size_t held = 0;
    for (std::size_t got = 0;;) {
        held +=
            co_await to_.async_read_some(asio::buffer(buffer.data() + held, buffer.size() - held), asio::use_awaitable);
        std::size_t taken = 0;
        while (held - taken >= head_bytes) {
            auto* at = buffer.data() + taken;
            const auto size = at[0] * std::size_t{256} + at[1];
            if (held - taken < head_bytes + size) break;
            unsigned long long opened = 0;
            const auto nonce = nonce_of(number++);
            const auto failed = crypto_aead_chacha20poly1305_ietf_decrypt(
                at + head_bytes, &opened, nullptr, at + head_bytes, size, nullptr, 0, nonce.data(), key.data());
            if (failed != 0) throw std::runtime_error("a record does not open");
            got += static_cast<std::size_t>(opened);
            taken += head_bytes + size;
        }
        held -= taken;
        std::memmove(buffer.data(), buffer.data() + taken, held);
        for (; got >= told_every; got -= told_every) {
            const std::uint8_t word = 0;
            co_await asio::async_write(to_, asio::buffer(&word, 1), asio::use_awaitable);
        }
    }
}

}  // namespace mydht::bench
