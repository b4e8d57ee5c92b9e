#pragma once

#include <chrono>
#include <cstddef>

#include <mydht/core/address.hpp>
#include <mydht/core/random.hpp>
#include <mydht/core/time.hpp>
#include <mydht/crypto/secret.hpp>
#include <mydht/wire/packet.hpp>

namespace mydht::detail {

/// How much a responder takes from sources that are not proven before it asks for cookies.
struct cookie_policy {
    std::size_t half_open_max = 64;
    /// The same of one network: half of the places that the ring has for it, so that the rest is for those who are
    /// there.
    std::size_t half_open_of_prefix_max = 4;
    /// Initial packets a second whose public-key work was done.
    double handshakes_max = 100;

    [[nodiscard]] bool needed(std::size_t half_open, std::size_t half_open_of_prefix,
                              double handshakes_per_second) const noexcept {
        return half_open >= half_open_max || half_open_of_prefix >= half_open_of_prefix_max ||
               handshakes_per_second >= handshakes_max;
    }
};

/// Makes and checks cookies: who shows one received a packet at its address a short time ago. Nothing is kept for each;
/// a cookie is a MAC over the address and the initiator's ephemeral key.
class cookie_jar {
public:
    /// A cookie is good for this time, and for up to as long again.
    static constexpr duration secret_lifetime = std::chrono::minutes(2);

    /// `random` must outlive it.
    cookie_jar(random_source& random, steady_time now);

    [[nodiscard]] wire::packet_cookie make(const address& from, bytes_view ephemeral, steady_time now);
    [[nodiscard]] bool check(const wire::packet_cookie& cookie, const address& from, bytes_view ephemeral,
                             steady_time now);

private:
    void renew(steady_time now);

    random_source* random_;
    secret<32> current_;
    secret<32> previous_;
    steady_time since_;
};

}  // namespace mydht::detail
