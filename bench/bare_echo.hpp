#pragma once

#include <cstddef>
#include <list>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

namespace mydht::bench {

/// What sessions are measured against: frames with a length, echoed over TCP on loopback by coroutines that use Asio
/// directly. Both ends on one thread. As lean as it gets with the same means: a read takes all that is there, all
/// frames in it are answered by one write, nothing is encrypted, encoded, timed or told apart.
class bare_echo {
public:
    /// So many connections, and bytes of a frame with its length.
    bare_echo(std::size_t connections, std::size_t frame_bytes);

    /// Makes so many round trips on each connection, at most `window` of them at once.
    void run(std::size_t round_trips, std::size_t window);

private:
    std::size_t frame_bytes_;
    asio::io_context context_{1};
    std::list<asio::ip::tcp::socket> clients_;
};

}  // namespace mydht::bench
