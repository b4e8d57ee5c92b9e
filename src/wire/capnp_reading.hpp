#pragma once

#include <capnp/any.h>
#include <capnp/message.h>
#include <kj/exception.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include <mydht/core/bytes.hpp>
#include <mydht/wire/capnp_frame.hpp>
#include <mydht/wire/decode_limits.hpp>

#include "wire/capnp_segments.hpp"

namespace mydht::wire {

/// The segments of a message that lies aligned in memory.
class segments_reader final : public capnp::MessageReader {
public:
    segments_reader(const capnp_segments& table, bytes_view data, capnp::ReaderOptions reading)
        : capnp::MessageReader(reading), table_(table) {
        const auto* next = reinterpret_cast<const capnp::word*>(data.data() + table.table_bytes);
        for (std::size_t i = 0; i < table.count; ++i) {
            begins_[i] = next;
            next += table.words[i];
        }
    }

    kj::ArrayPtr<const capnp::word> getSegment(kj::uint id) override {
        if (id >= table_.count) return nullptr;
        return {begins_[id], table_.words[id]};
    }

private:
    const capnp_segments& table_;
    std::array<const capnp::word*, capnp_segments_max> begins_{};
};

/// Where in a message lies what a struct's numbers are read from; nothing for a struct that is not there.
template <typename Reader>
std::optional<std::size_t> place_of(const Reader& from, bytes_view message) {
    const auto* first = capnp::AnyStruct::Reader(from).getDataSection().begin();
    const std::less<> before;
    if (before(first, message.data()) || before(message.data() + message.size(), first)) return std::nullopt;
    return static_cast<std::size_t>(first - message.data());
}

/// Calls `read` with a message that fills `data`, copied first unless it lies aligned, and with the bytes that it lies
/// in. kj's exceptions end here.
template <typename Read>
bool read_segments(bytes_view data, const decode_limits& limits, decode_error& why, Read read) {
    const auto fail = [&why](errc code, std::size_t offset) {
        why.code = code;
        why.offset = offset;
        why.field = "segments";
        return false;
    };
    const auto table = read_segment_table(data, limits.message_bytes);
    if (!table) return fail(errc::too_large, 0);
    if (!*table || (*table)->message_bytes > data.size()) return fail(errc::truncated, data.size());
    if ((*table)->message_bytes < data.size()) return fail(errc::trailing_bytes, (*table)->message_bytes);
    capnp_assembler aligned(limits.message_bytes);
    if (reinterpret_cast<std::uintptr_t>(data.data()) % capnp_word_bytes != 0) {
        if (!aligned.feed(data)) return fail(errc::too_large, 0);
        data = aligned.message();
    }
    capnp::ReaderOptions options;
    // Every part of a message is referred to once, so reading more than its size means that parts were shared to make
    // a small message large. kj counts the root pointer twice; the table, which it does not count, makes up for that.
    options.traversalLimitInWords = std::min(limits.visited_bytes, (*table)->message_bytes) / capnp_word_bytes;
    options.nestingLimit = static_cast<int>(limits.nesting);
    try {
        segments_reader message(**table, data, options);
        return read(message, data);
    } catch (const kj::Exception&) {
        // Pointers that lead nowhere or to something else, nesting, traversal.
        why.code = errc::malformed;
        return false;
    }
}

}  // namespace mydht::wire
