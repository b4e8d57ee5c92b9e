#pragma once

#include <algorithm>
#include <memory>
#include <optional>

#include <mydht/transport/transport.hpp>
#include <mydht/wire/codec.hpp>
#include <mydht/wire/frame.hpp>
#include <mydht/wire/record.hpp>

#include "fixture.hpp"
#include "session/record_layer.hpp"
#include "session/stream_handshake.hpp"

namespace mydht::test {

/// A peer that the test plays by hand: it knows the handshake, and says what it is told to say.
class handmade {
public:
    explicit handmade(session_config config = {}, std::uint64_t seed = 77)
        : random_(seed),
          self(std::make_shared<const identity>(identity::generate(random_))),
          party(self, config, random_) {}

    /// Dials and proves itself.
    task<result<void>> dial(any_transport with, address to) {
        auto made = co_await with.connect(to);
        if (!made) co_return failure(made.error());
        connection = std::move(*made);
        auto handshake = detail::stream_handshake::dialler(party, {});
        bytes out;
        handshake.start(out);
        bytes in(2048);
        for (;;) {
            const auto written = co_await connection.write(out);
            if (!written) co_return failure(written.error());
            const auto got = co_await connection.read_some(in);
            if (!got) co_return failure(got.error());
            out.clear();
            auto input = bytes_view(in).first(*got);
            const auto done = handshake.advance(input, out);
            if (!done) co_return failure(done.error());
            if (*done) break;
        }
        auto outcome = handshake.finish(out);
        codec = outcome->codec;
        layer.emplace(std::move(outcome->ciphers));
        co_return co_await connection.write(out);
    }

    /// Writes these frames, sealed.
    task<result<void>> say(bytes frames) {
        bytes out;
        (void)layer->seal(frames, out);
        co_return co_await connection.write(out);
    }
    task<result<void>> say_raw(bytes out) { co_return co_await connection.write(out); }

    /// The next frame; its payload is a copy.
    task<result<std::pair<wire::frame_kind, bytes>>> hear() {
        for (;;) {
            const auto next = frames_.next(plain_);
            if (!next) co_return failure(next.error());
            if (*next) co_return std::pair((*next)->kind, to_bytes((*next)->payload));
            const auto record = records_.next();
            if (!record) co_return failure(record.error());
            if (*record) {
                const auto opened = layer->open(**record);
                if (!opened) co_return failure(opened.error());
                held_ = to_bytes(*opened);
                plain_ = held_;
                continue;
            }
            const auto room = records_.prepare();
            const auto got = co_await connection.read_some(room);
            if (!got) co_return failure(got.error());
            records_.commit(*got);
        }
    }
    /// The next message; nothing when something else or the end comes.
    task<std::optional<wire::envelope>> hear_message(wire::any_codec in = wire::capnp_codec()) {
        const auto frame = co_await hear();
        if (!frame || frame->first != wire::frame_kind::message) co_return std::nullopt;
        auto decoded = in.decode(frame->second);
        if (!decoded) co_return std::nullopt;
        co_return std::move(*decoded);
    }

    static bytes message(std::uint64_t id, wire::message body) {
        wire::envelope envelope;
        envelope.id = id;
        envelope.body = std::move(body);
        bytes out;
        const auto place = wire::begin_frame(out, wire::frame_kind::message, wire::control_channel);
        REQUIRE(wire::capnp_codec().encode(envelope, out));
        REQUIRE(wire::end_frame(out, place));
        return out;
    }

private:
    prng_source random_;

public:
    std::shared_ptr<const identity> self;
    detail::local_party party;
    any_connection connection;
    std::optional<detail::record_layer> layer;
    wire::codec_id codec = wire::codec_id::none;  ///< that of the session

private:
    wire::record_decoder records_;
    wire::frame_decoder frames_;
    bytes held_;
    bytes_view plain_;
};

}  // namespace mydht::test
