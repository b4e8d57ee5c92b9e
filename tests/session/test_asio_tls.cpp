// TLS inside a stream of a session: asio::ssl::stream asks more of a stream than Asio's own algorithms do.

#include <memory>

#include <asio/read.hpp>
#include <asio/ssl.hpp>
// Asio is compiled apart, and its part for TLS not in the library.
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <asio/ssl/impl/src.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <mydht/session/asio_stream.hpp>

#include "streams.hpp"
#include "two_peers.hpp"

namespace mydht::test {

namespace {

template <auto release>
struct released_by {
    template <typename T>
    void operator()(T* what) const noexcept {
        release(what);
    }
};
using key_ptr = std::unique_ptr<EVP_PKEY, released_by<EVP_PKEY_free>>;
using key_context_ptr = std::unique_ptr<EVP_PKEY_CTX, released_by<EVP_PKEY_CTX_free>>;
using certificate_ptr = std::unique_ptr<X509, released_by<X509_free>>;

key_ptr make_key() {
    const key_context_ptr context(EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr));
    EVP_PKEY* out = nullptr;
    REQUIRE(EVP_PKEY_keygen_init(context.get()) == 1);
    REQUIRE(EVP_PKEY_keygen(context.get(), &out) == 1);
    return key_ptr(out);
}

/// Signed by its own key, and good for a century.
certificate_ptr make_certificate(EVP_PKEY* key) {
    certificate_ptr out(X509_new());
    REQUIRE(ASN1_INTEGER_set(X509_get_serialNumber(out.get()), 1) == 1);
    REQUIRE(ASN1_TIME_set_string(X509_getm_notBefore(out.get()), "20000101000000Z") == 1);
    REQUIRE(ASN1_TIME_set_string(X509_getm_notAfter(out.get()), "21000101000000Z") == 1);
    REQUIRE(X509_set_pubkey(out.get(), key) == 1);
    auto* const name = X509_get_subject_name(out.get());
    const bytes common = to_bytes("inside");
    REQUIRE(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common.data(), static_cast<int>(common.size()), -1,
                                       0) == 1);
    REQUIRE(X509_set_issuer_name(out.get(), name) == 1);
    REQUIRE(X509_sign(out.get(), key, nullptr) > 0);
    return out;
}

/// Both ends' settings: the client believes this certificate and no other.
struct tls_ends {
    tls_ends() : server(asio::ssl::context::tls_server), client(asio::ssl::context::tls_client) {
        const auto key = make_key();
        const auto certificate = make_certificate(key.get());
        REQUIRE(SSL_CTX_use_certificate(server.native_handle(), certificate.get()) == 1);
        REQUIRE(SSL_CTX_use_PrivateKey(server.native_handle(), key.get()) == 1);
        client.set_verify_mode(asio::ssl::verify_peer);
        REQUIRE(X509_STORE_add_cert(SSL_CTX_get_cert_store(client.native_handle()), certificate.get()) == 1);
    }

    asio::ssl::context server;
    asio::ssl::context client;
};

using tls_stream = asio::ssl::stream<asio_stream>;

/// Sends back what comes, until the other side says goodbye.
task<> echo_tls(tls_ends& ends, stream s) {
    tls_stream over(asio_stream(std::move(s)), ends.server);
    bytes part(20'000);
    try {
        co_await over.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
        for (;;) {
            const auto count = co_await over.async_read_some(asio::buffer(part), asio::use_awaitable);
            co_await asio::async_write(over, asio::buffer(part.data(), count), asio::use_awaitable);
        }
    } catch (const std::system_error& e) {
        if (e.code() != asio::error::eof) throw;
    }
    co_await over.async_shutdown(asio::use_awaitable);
    over.next_layer().close();
}

task<bool> send(tls_stream& over, const bytes& what) {
    co_await asio::async_write(over, asio::buffer(what), asio::use_awaitable);
    co_return true;
}

task<bool> talk_tls(tls_stream& over, bytes sent) {
    co_await over.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
    for (int i = 0; i < 2; ++i) {
        co_await send(over, sent);
        bytes back(sent.size());
        co_await asio::async_read(over, asio::buffer(back), asio::use_awaitable);
        if (back != sent) co_return false;
    }
    co_await over.async_shutdown(asio::use_awaitable);
    co_return true;
}

task<std::error_code> shake_hands(tls_stream& over) {
    try {
        co_await over.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
    } catch (const std::system_error& e) {
        co_return e.code();
    }
    co_return std::error_code();
}

}  // namespace

TEST_CASE("TLS runs inside a stream", "[streams][asio][tls]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    two_peers net(how);
    tls_ends ends;
    net.b.pool->serve("tls/1", [&ends](stream s) { return echo_tls(ends, std::move(s)); });
    tls_stream over(asio_stream(net.w.run(net.open("tls/1")).value()), ends.client);
    // Less than the windows hold, since it is written before it is read.
    CHECK(net.w.run(talk_tls(over, pattern(50'000))));
    net.w.run(net.stop());
}

TEST_CASE("TLS inside a stream refuses a certificate that is not the right one", "[streams][asio][tls]") {
    two_peers net;
    tls_ends ends;
    tls_ends other;
    net.b.pool->serve("tls/1", [&ends](stream s) { return echo_tls(ends, std::move(s)); });
    tls_stream over(asio_stream(net.w.run(net.open("tls/1")).value()), other.client);
    const auto failed = net.w.run(shake_hands(over));
    CHECK(failed);
    CHECK(failed.category() == asio::error::get_ssl_category());
    over.next_layer().close();
    net.w.run(net.stop());
}

}  // namespace mydht::test
