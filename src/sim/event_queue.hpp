#pragma once

#include <cstdint>
#include <tuple>
#include <vector>

#include <mydht/core/time.hpp>
#include <mydht/sim/world.hpp>

#include "sim/segment.hpp"

namespace mydht::sim::detail {

struct event;

/// A part of the simulation that events are delivered to.
class event_sink {
public:
    event_sink() = default;
    event_sink(const event_sink&) = delete;
    event_sink& operator=(const event_sink&) = delete;
    virtual ~event_sink() = default;

    virtual void deliver(event& e) = 0;
    /// The world ends: lets go of everything, the coroutines are gone. No call reaches the world afterwards.
    virtual void shut_down() noexcept = 0;
};

/// What a node calls one end of a connection. The generation tells a reused slot from its former owner.
struct end_id {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;

    friend bool operator==(const end_id&, const end_id&) = default;
};

/// What an event carries; the sink gives it meaning.
struct event_body {
    event_sink* sink = nullptr;  ///< nullptr: the clock of the destination
    std::uint8_t kind = 0;
    std::uint16_t from_port = 0;
    std::uint16_t to_port = 0;
    end_id from_end;
    end_id to_end;
    std::uint64_t amount = 0;
    segment_ptr data;
};

/// The order of the world, independent of when and where an event was made.
struct event_key {
    steady_time when;
    node_index to = 0;
    node_index from = 0;
    std::uint64_t counter = 0;

    friend auto operator<=>(const event_key&, const event_key&) = default;
};

struct event {
    event_key key;
    event_body body;
};

/// Events to come, the first one in front. Keys lie in a heap of four children a node, bodies where they do not move.
class event_queue {
public:
    [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
    [[nodiscard]] const event_key& front() const noexcept { return heap_.front().key; }
    [[nodiscard]] const event_body& front_body() const noexcept { return bodies_[heap_.front().body]; }

    void push(const event_key& key, event_body body);
    [[nodiscard]] event pop();
    void clear() noexcept;

private:
    struct entry {
        event_key key;
        std::uint32_t body;
    };

    std::vector<entry> heap_;
    std::vector<event_body> bodies_;
    std::vector<std::uint32_t> free_;
};

}  // namespace mydht::sim::detail
