#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include <mydht/core/address.hpp>
#include <mydht/core/bytes.hpp>
#include <mydht/transport/datagram.hpp>

namespace mydht {

/// Packets and refusals that came to a socket and that nobody received yet: for whoever writes a datagram transport.
/// What does not fit any more is lost, as packets may be.
class packet_queue {
public:
    explicit packet_queue(std::size_t packets_max) : packets_max_(packets_max) {}

    /// False when there was no room.
    bool put(const address& from, bytes packet);
    bool put_refused(const address& whom);

    /// What any_datagram_socket::receive() gives: packets of one source that lie behind one another come in one batch.
    [[nodiscard]] std::optional<datagrams> take(bytes_span into);

    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    void clear() noexcept { entries_.clear(); }

private:
    struct entry {
        entry(const address& from_, bytes packet_, bool refused_)
            : from(from_), packet(std::move(packet_)), refused(refused_) {}

        address from;
        bytes packet;
        bool refused;
    };

    [[nodiscard]] bool goes_on(const datagrams& batch, std::size_t room) const noexcept;

    std::size_t packets_max_;
    std::deque<entry> entries_;
};

}  // namespace mydht
