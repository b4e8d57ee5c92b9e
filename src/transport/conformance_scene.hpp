#pragma once

#include <deque>
#include <memory>
#include <string>

#include <mydht/transport/conformance.hpp>

#include "transport/conformance_notes.hpp"

namespace mydht::detail {

struct connection_ends {
    any_connection dialed;
    any_connection accepted;
};

/// What one check works with. All its coroutines share it, so that none of them can outlive what it uses, whatever the
/// transport under test does.
class scene : public conformance_notes {
public:
    explicit scene(conformance_subject subject_);

    void close_all();

    conformance_subject subject;
    any_listener listener;
    any_connection dialed;
    any_connection accepted;
    std::deque<connection_ends> more;  ///< connections beside the first
    bytes data;                        ///< what operations in the background read or write
};

using scene_ptr = std::shared_ptr<scene>;

/// Listens at a fresh address; what fails is a finding.
[[nodiscard]] task<bool> open_listener(scene_ptr s);

/// Listens if need be, and makes `dialed` and `accepted` the two ends of one connection.
[[nodiscard]] task<bool> open_connection(scene_ptr s);

/// Both ends of one more connection to the open listener; empty after a failure.
[[nodiscard]] task<connection_ends> connect_once(scene_ptr s);

/// Byte `index` of the pattern numbered `tag`.
[[nodiscard]] std::uint8_t pattern(std::size_t index, std::uint8_t tag) noexcept;

/// Writes or reads `size` bytes of a pattern in slices of odd lengths. Reading notes the first wrong byte.
[[nodiscard]] task<> write_pattern(scene_ptr s, any_connection& to, std::size_t size, std::uint8_t tag);
[[nodiscard]] task<> read_pattern(scene_ptr s, any_connection& from, std::size_t size, std::uint8_t tag);

/// Reads until the end of the stream and notes anything but `size` bytes and an end in order.
[[nodiscard]] task<> expect_end(scene_ptr s, any_connection& from, std::size_t size, std::string what);

}  // namespace mydht::detail
