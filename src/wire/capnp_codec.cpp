#include "wire/capnp_codec.hpp"

namespace mydht::wire {

namespace {

struct capnp_messages {
    static constexpr auto id = codec_id::capnp;
    static constexpr std::string_view name = "capnp";

    result<void> write_message(const envelope& what, bytes& out) const {
        capnp_encode(what, out);
        return {};
    }

    bool read_message(bytes_view data, envelope& out, const decode_limits& limits, decode_error& why) const {
        return capnp_decode(data, out, limits, why);
    }

    result<void> write(const shape& what, const void* from, bytes& out) const {
        return write_capnp_struct(what, from, out);
    }

    bool read(bytes_view data, const shape& what, void* to, const decode_limits& limits, decode_error& why) const {
        return read_capnp_struct(data, what, to, limits, why);
    }
};

}  // namespace

any_codec capnp_codec() noexcept { return capnp_messages(); }

}  // namespace mydht::wire
