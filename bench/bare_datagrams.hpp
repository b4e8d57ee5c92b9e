#pragma once

#include <cstddef>
#include <list>

#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>

namespace mydht::bench {

/// What datagram sessions are measured against: packets echoed over UDP on loopback by coroutines that use Asio
/// directly. Both ends on one thread; nothing is encrypted, encoded, timed or told apart.
class bare_datagrams {
public:
    /// So many sockets that ask one that answers, and bytes of a packet.
    bare_datagrams(std::size_t askers, std::size_t packet_bytes);

    /// Makes so many round trips with each, at most `window` of them at once.
    void run(std::size_t round_trips, std::size_t window);

private:
    std::size_t packet_bytes_;
    asio::io_context context_{1};
    asio::ip::udp::socket answers_;
    std::list<asio::ip::udp::socket> asks_;
};

}  // namespace mydht::bench
