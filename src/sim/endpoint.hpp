#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include <mydht/core/errc.hpp>
#include <mydht/runtime/wait_queue.hpp>
#include <mydht/transport/transport.hpp>

#include "sim/event_queue.hpp"

namespace mydht::sim::detail {

class network_core;

/// What passes between the two ends of a connection, and what an end tells itself later.
enum class message_kind : std::uint8_t {
    dial = 1,     ///< a connection is wanted
    established,  ///< it stands
    refused,      ///< nobody listens, or the listener's queue is full
    data,         ///< bytes
    window,       ///< that many bytes were read
    end,          ///< no bytes follow
    reset,        ///< the connection is gone
    no_answer,    ///< nobody answered for too long
    retry,        ///< try the cut link again (an end to itself)
    left,         ///< what waited for the upload has left (an end to itself)
};

struct held_message {
    held_message(message_kind kind_, std::uint64_t amount_, segment_ptr data_)
        : kind(kind_), amount(amount_), data(std::move(data_)) {}

    message_kind kind;
    std::uint64_t amount;
    segment_ptr data;
};

/// What waits for a cut link. Exists while there is something.
struct held_messages {
    std::deque<held_message> queue;
    steady_time since;
};

/// A segment that waits for the upload.
struct unsent_segment {
    steady_time leaves;
    std::uint32_t size;
};

/// One end of a connection. Belongs to one node; knows of the other end only what messages said.
struct endpoint {
    network_core* core = nullptr;
    node_index self = 0;
    node_index peer = 0;
    end_id id;
    end_id peer_id;
    std::array<std::uint8_t, 4> local_host{};
    std::array<std::uint8_t, 4> peer_host{};
    std::uint16_t local_port = 0;
    std::uint16_t peer_port = 0;

    bool established = false;  ///< both ends know each other
    bool closed = false;       ///< closed on this side
    bool write_ended = false;
    bool peer_ended = false;
    bool doomed = false;  ///< a segment was lost for good; nothing that is sent arrives
    std::optional<errc> broken;

    std::uint32_t send_room = 0;  ///< bytes that may be sent before the peer reads
    std::uint32_t consumed = 0;   ///< bytes read that the peer was not told of
    duration latency{0};
    steady_time last_arrival{};  ///< of what was sent last; nothing overtakes it

    std::vector<unsent_segment> unsent;  ///< in order; those that have left are forgotten when that matters
    bool waits_for_upload = false;

    segment_queue received;
    std::unique_ptr<held_messages> held;
    wait_queue readable;  ///< also wakes a dial
    wait_queue writable;

    [[nodiscard]] address local() const;
    [[nodiscard]] address remote() const;
    void close();
};

using endpoint_ptr = std::shared_ptr<endpoint>;

/// A port that a node listens at.
struct listener {
    network_core* core = nullptr;
    node_index self = 0;
    address local;
    bool closed = false;
    std::deque<endpoint_ptr> waiting;
    wait_queue arrived;
};

using listener_ptr = std::shared_ptr<listener>;

/// The transport of one node; the coroutines behind it are in endpoint.cpp.
[[nodiscard]] any_transport make_transport(std::shared_ptr<network_core> core, node_index node);

}  // namespace mydht::sim::detail
