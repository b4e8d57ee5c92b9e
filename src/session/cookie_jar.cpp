#include "session/cookie_jar.hpp"

#include <array>
#include <utility>

#include <mydht/crypto/hash.hpp>

namespace mydht::detail {

namespace {

wire::packet_cookie cookie_with(const secret<32>& with, const address& from, bytes_view ephemeral) {
    const std::array<std::uint8_t, 1> kind{static_cast<std::uint8_t>(from.kind())};
    return mac_128(with, {as_bytes("cookie"), kind, from.data(), ephemeral});
}

}  // namespace

cookie_jar::cookie_jar(random_source& random, steady_time now) : random_(&random), since_(now) {
    random_->fill(current_.span());
    random_->fill(previous_.span());
}

void cookie_jar::renew(steady_time now) {
    const auto age = now - since_;
    if (age < secret_lifetime) return;
    previous_ = std::move(current_);
    random_->fill(current_.span());
    if (age >= 2 * secret_lifetime) random_->fill(previous_.span());
    since_ = now;
}

wire::packet_cookie cookie_jar::make(const address& from, bytes_view ephemeral, steady_time now) {
    renew(now);
    return cookie_with(current_, from, ephemeral);
}

bool cookie_jar::check(const wire::packet_cookie& cookie, const address& from, bytes_view ephemeral, steady_time now) {
    renew(now);
    if (equal_in_constant_time(cookie, cookie_with(current_, from, ephemeral))) return true;
    return equal_in_constant_time(cookie, cookie_with(previous_, from, ephemeral));
}

}  // namespace mydht::detail
