#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include <mydht/core/address.hpp>
#include <mydht/transport/datagram.hpp>

#include "transport/segment_use.hpp"

namespace mydht::detail {

struct socket_address;

/// The system calls of one UDP socket: what receive() and send() of a datagram socket do. Waits for nothing and owns no
/// descriptor.
class udp_calls {
public:
    udp_calls() = default;

    /// Takes a socket that does not block, and sets its options. What the system cannot do is done without.
    void attach(int descriptor, bool ipv6, bool offload);

    [[nodiscard]] result<std::optional<datagrams>> receive(bytes_span into);
    [[nodiscard]] result<bool> send(const address& to, bytes_view data, std::size_t packet_bytes);

    /// The system said that there is something to receive: packets, or errors, which no receive() sees otherwise.
    void woken() noexcept { woken_ = true; }
    /// True when receive() has something that the system does not know of any more.
    [[nodiscard]] bool holds_something() const noexcept { return kept_.bytes > 0 || !refused_.empty() || failed_send_; }
    /// True once after a send() that found no room because of a shortage of which the system reports no end.
    [[nodiscard]] bool take_shortage() noexcept { return std::exchange(short_of_buffers_, false); }

    [[nodiscard]] std::size_t packet_bytes_max() const noexcept;
    [[nodiscard]] std::size_t batch_bytes_max() const noexcept;

private:
    struct outcome {
        int error = 0;
        bool truncated = false;
        datagrams got;
    };

    [[nodiscard]] outcome read(bytes_span into) const;
    [[nodiscard]] std::optional<datagrams> take_kept(bytes_span into);
    [[nodiscard]] std::optional<datagrams> take_refused();
    void drain_errors();
    [[nodiscard]] int write(const socket_address& to, bytes_view data, std::size_t packet_bytes) const;
    [[nodiscard]] int write_again(const socket_address& to, bytes_view data, std::size_t packet_bytes) const;

    int descriptor_ = -1;
    bool ipv6_ = false;
    segment_use segments_;  ///< the system cuts a batch into packets
    bool joining_ = false;  ///< the system joins packets to a batch
    bool woken_ = false;
    mutable bool failed_send_ = false;  ///< it may have been told of an error that belongs to the queue of errors
    bool short_of_buffers_ = false;
    std::deque<address> refused_;
    bytes spare_;            ///< where a batch lies for which a caller had no room
    datagrams kept_;         ///< what of it was not handed over
    std::size_t taken_ = 0;  ///< how much was
};

}  // namespace mydht::detail
