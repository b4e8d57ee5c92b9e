#pragma once

#include <cstdint>

#include <mydht/core/bytes.hpp>
#include <mydht/core/keys.hpp>
#include <mydht/core/time.hpp>

namespace mydht {

/// What the body of an item is. The numbers travel on the wire and lie in stores.
enum class item_kind : std::uint8_t {
    immutable = 1,      ///< content whose hash is the key; unsigned
    mutable_value = 2,  ///< a value that its author signed and may replace
    tombstone = 3,      ///< the author's signed word that the value is gone
    peer_record = 4,    ///< a peer's signed addresses
    reply = 5,          ///< what a service answered to a request that travelled; no value, and kept nowhere
};

/// A value as it travels and lies in stores: opaque to codecs and stores, which never encode the body anew, so that the
/// signature made on one node verifies on every other whatever lay between. mydht/value opens and judges it.
struct item {
    item_kind kind = item_kind::immutable;
    bytes body;
    signature sig;       ///< over the body; zero for immutable items
    wall_time deadline;  ///< only of immutable items, whose hash does not cover it; others carry theirs inside the body

    friend bool operator==(const item&, const item&) = default;
};

}  // namespace mydht
