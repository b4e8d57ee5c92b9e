#include <capnp/serialize-packed.h>
#include <kj/exception.h>
#include <kj/io.h>

#include <cstdint>
#include <vector>

#include <mydht/wire/codec.hpp>

#include "wire/capnp_codec.hpp"
#include "wire/capnp_segments.hpp"

namespace mydht::wire {

namespace {

/// Errors: errc::too_large for what nobody unpacks.
result<void> pack(bytes_view flat, bytes& out) {
    if (flat.size() > limits::message_bytes) return failure(errc::too_large);
    kj::VectorOutputStream packed;
    {
        capnp::_::PackedOutputStream to(packed);
        to.write(flat.data(), flat.size());
    }
    const auto data = packed.getArray();
    out.insert(out.end(), data.begin(), data.end());
    return {};
}

/// Unpacks a message. Its size is known, and limited, before there is memory for it. Throws what kj throws.
result<std::vector<std::uint64_t>> unpack(kj::ArrayInputStream& packed, std::size_t bytes_max) {
    capnp::_::PackedInputStream from(packed);
    std::vector<std::uint64_t> out;
    const auto view = [&out] {
        return bytes_view(reinterpret_cast<const std::uint8_t*>(out.data()), out.size() * capnp_word_bytes);
    };
    const auto read_words = [&](std::size_t count) {
        out.resize(out.size() + count);
        from.read(reinterpret_cast<std::uint8_t*>(out.data() + out.size() - count), count * capnp_word_bytes);
    };
    for (;;) {
        read_words(1);
        const auto table = read_segment_table(view(), bytes_max);
        if (!table) return failure(table.error());
        if (!*table) continue;
        read_words(((*table)->message_bytes - view().size()) / capnp_word_bytes);
        return out;
    }
}

/// Calls `read` with what `data` unpacks to, and with limits for that.
template <typename Read>
bool unpacked(bytes_view data, decode_limits limits, decode_error& why, Read read) {
    kj::ArrayInputStream packed({data.data(), data.size()});
    const auto fail = [&](errc code) {
        why.code = code;
        why.offset = data.size() - packed.tryGetReadBuffer().size();
        why.field = "segments";
        return false;
    };
    try {
        const auto flat = unpack(packed, limits.visited_bytes);
        if (!flat) return fail(errc::too_large);
        if (packed.tryGetReadBuffer().size() > 0) return fail(errc::trailing_bytes);
        limits.message_bytes = limits.visited_bytes;
        const auto* first = reinterpret_cast<const std::uint8_t*>(flat->data());
        if (read(bytes_view(first, flat->size() * capnp_word_bytes), limits)) return true;
        // Where it is in what was unpacked says nothing of the message.
        why.offset.reset();
        return false;
    } catch (const kj::Exception&) {
        // It ends too soon, or in the midst of a run.
        return fail(packed.tryGetReadBuffer().size() > 0 ? errc::malformed : errc::truncated);
    }
}

struct capnp_packed {
    static constexpr auto id = codec_id::capnp_packed;
    static constexpr std::string_view name = "capnp-packed";

    result<void> write_message(const envelope& what, bytes& out) const {
        bytes flat;
        capnp_encode(what, flat);
        return pack(flat, out);
    }

    bool read_message(bytes_view data, envelope& out, const decode_limits& limits, decode_error& why) const {
        return unpacked(data, limits, why, [&](bytes_view flat, const decode_limits& of_flat) {
            return capnp_decode(flat, out, of_flat, why);
        });
    }

    result<void> write(const shape& what, const void* from, bytes& out) const {
        bytes flat;
        if (auto done = write_capnp_struct(what, from, flat); !done) return done;
        return pack(flat, out);
    }

    bool read(bytes_view data, const shape& what, void* to, const decode_limits& limits, decode_error& why) const {
        return unpacked(data, limits, why, [&](bytes_view flat, const decode_limits& of_flat) {
            return read_capnp_struct(flat, what, to, of_flat, why);
        });
    }
};

}  // namespace

any_codec capnp_packed_codec() noexcept { return capnp_packed(); }

}  // namespace mydht::wire
