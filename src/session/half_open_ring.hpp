#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/core/random.hpp>
#include <mydht/core/time.hpp>

#include "session/datagram_handshake.hpp"

namespace mydht::detail {

/// What came from a source that is not proven, and what went to it: never more in sum, so that nobody uses this node to
/// send much to somebody else.
class amplification_account {
public:
    void note_received(std::size_t size) noexcept { received_ += static_cast<std::uint32_t>(size); }
    /// True when so much may be sent, which then counts as sent.
    [[nodiscard]] bool may_send(std::size_t size) noexcept {
        if (size > budget()) return false;
        sent_ += static_cast<std::uint32_t>(size);
        return true;
    }
    [[nodiscard]] std::size_t budget() const noexcept { return received_ - sent_; }

private:
    std::uint32_t received_ = 0;
    std::uint32_t sent_ = 0;
};

/// A handshake that was answered and whose initiator has not been heard since.
struct half_open_record {
    half_open_handshake handshake;
    address from;
    amplification_account account;
    std::uint8_t failures = 0;  ///< packets that named it and were not its initiator's
    bool proven = false;        ///< the initiator showed a cookie: it receives what is sent there
};
static_assert(sizeof(half_open_record) <= 488,
              "with its key in the ring it is promised to take no more than 512 bytes");

struct half_open_limits {
    std::size_t records = 1024;
    /// Of one network_prefix, other than of loopback and private addresses.
    std::size_t per_prefix = 8;
    /// How long an initiator has for its next packet.
    duration lifetime = std::chrono::seconds(5);
};

/// The handshakes that wait for the initiator's next packet. They cost a stranger nothing, so there are only so many,
/// and a new one takes the place of the oldest, first of its own network. One whose source is not proven never takes
/// the place of one whose is: anybody can write any source. Memory grows up to the limit and stays.
class half_open_ring {
public:
    half_open_ring(const half_open_limits& limits, random_source& random);

    /// Keeps the record until it is taken, replaced or too old. Its own index must be in no other record (asserted),
    /// and not 0. False when there is no place for it: nothing of it is kept.
    [[nodiscard]] bool add(half_open_record record, steady_time now);

    /// The record of an own index; nullptr when there is none. Valid until the next call that is not const.
    [[nodiscard]] half_open_record* find(std::uint32_t own_index, steady_time now);
    /// True also for a record that is too old and has not been dropped yet.
    [[nodiscard]] bool contains(std::uint32_t own_index) const noexcept;
    void remove(std::uint32_t own_index) noexcept;

    /// How many there are that are not too old.
    [[nodiscard]] std::size_t size(steady_time now) const noexcept;
    /// The same of the network of that address; 0 for loopback and private ones.
    [[nodiscard]] std::size_t of_prefix(const address& from, steady_time now) const;

private:
    /// What a search looks at, beside the records so that it stays in the cache. Free when the index is 0.
    struct key {
        std::uint32_t own_index = 0;
        std::uint64_t prefix = 0;
        steady_time since{};
        bool proven = false;
    };

    [[nodiscard]] bool expired(const key& which, steady_time now) const noexcept;
    [[nodiscard]] std::uint64_t prefix_of(const address& from) const;
    /// Nothing when all that could go are proven and the new one is not.
    [[nodiscard]] std::optional<std::size_t> place_for(std::uint64_t prefix, bool proven, steady_time now);

    half_open_limits limits_;
    secret<16> prefix_key_;
    std::vector<key> keys_;
    std::vector<half_open_record> records_;
};

}  // namespace mydht::detail
