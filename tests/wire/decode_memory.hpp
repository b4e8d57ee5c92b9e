#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <mydht/wire/codec.hpp>

namespace mydht::test {

/// The most memory that a codec may ask for, in sum, to decode `size` bytes: what the limits allow of each thing, twice
/// since vectors grow, some for each byte, some for any message. What is packed counts as what it may unpack to.
/// `element_bytes` is the size of the largest struct in the lists of an application's.
inline std::uint64_t decode_bytes_max(const wire::any_codec& codec, std::size_t size, const wire::decode_limits& limits,
                                      std::size_t element_bytes = 0) {
    constexpr std::uint64_t for_all = 32 * 1024;
    constexpr std::uint64_t per_byte = 16;
    const auto read = codec == wire::capnp_packed_codec() ? std::max(size, limits.visited_bytes) : size;
    const auto one_contact = sizeof(contact) + limits.addresses_per_contact * sizeof(address);
    const auto of_message =
        limits.contacts * one_contact + limits.items * sizeof(item) + limits.trace * sizeof(node_id);
    // An element takes a byte or more.
    const auto of_struct = std::min(limits.elements, read) * element_bytes;
    return for_all + per_byte * read + 2 * of_message + 3 * of_struct;
}

}  // namespace mydht::test
