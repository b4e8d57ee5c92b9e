#include "wire/capnp_codec.hpp"

namespace mydht::wire {

namespace {

class capnp_codec_impl final : public codec {
public:
    codec_id id() const noexcept override { return codec_id::capnp; }
    std::string_view name() const noexcept override { return "capnp"; }

private:
    result<void> do_encode(const envelope& what, bytes& out) const override {
        capnp_encode(what, out);
        return {};
    }

    tl::expected<envelope, decode_error> do_decode(bytes_view data, const decode_limits& limits) const override {
        return capnp_decode(data, limits);
    }
};

}  // namespace

const codec& capnp_codec() noexcept {
    static const capnp_codec_impl instance;
    return instance;
}

}  // namespace mydht::wire
