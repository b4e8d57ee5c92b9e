#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "session/datagram_port.hpp"
#include "session/proven_link.hpp"
#include "session/session_ciphers.hpp"
#include "session/stream_handshake.hpp"

namespace mydht::detail {

class datagram_hub;

/// Keeps the packets of an index from being unknown, while its peer waits to be let in.
class index_claim {
public:
    index_claim() = default;
    index_claim(std::shared_ptr<datagram_hub> hub, std::uint32_t index);
    index_claim(index_claim&& other) noexcept = default;
    index_claim& operator=(index_claim&& other) noexcept {
        std::swap(hub_, other.hub_);
        std::swap(index_, other.index_);
        return *this;
    }
    ~index_claim();

private:
    std::shared_ptr<datagram_hub> hub_;
    std::uint32_t index_ = 0;
};

/// A peer that has proven itself in packets.
class packet_link final : public proven_link {
public:
    /// What a handshake over datagrams ends in.
    struct parts {
        explicit parts(session_ciphers keys) : ciphers(std::move(keys)) {}

        contact peer;
        wire::codec_id codec = wire::codec_id::none;
        bool proven = true;
        bool outgoing = false;
        address remote;
        std::shared_ptr<datagram_hub> hub;
        std::shared_ptr<datagram_port> port;
        session_ciphers ciphers;
        /// Dialled: the last packet of the handshake, if it has one of this side.
        bytes last;
        std::optional<duration> round_trip;
        std::optional<wire::message> early_answer;
        /// Accepted: the packet that proved the peer, which is still to be taken.
        bytes first_packet;
        bytes first_frames;  ///< or what came with the last packet of the handshake
        index_claim waiting;
    };

    explicit packet_link(parts from) : from_(std::move(from)) {}

    [[nodiscard]] const contact& peer() const override { return from_.peer; }
    [[nodiscard]] address remote() const override { return from_.remote; }
    [[nodiscard]] bool outgoing() const override { return from_.outgoing; }
    void drop_first_packets() override {
        from_.first_packet = bytes();
        from_.first_frames = bytes();
    }
    [[nodiscard]] std::optional<wire::message> take_early_answer() override {
        return std::exchange(from_.early_answer, std::nullopt);
    }
    [[nodiscard]] result<std::shared_ptr<session_state>> open(std::shared_ptr<session_context> context) override;

private:
    parts from_;
};

}  // namespace mydht::detail
