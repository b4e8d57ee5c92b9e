#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <mydht/wire/frame.hpp>

#include "session/stream_memory.hpp"
#include "session/stream_set.hpp"
#include "support/catch.hpp"
#include "support/manual_clock.hpp"

namespace mydht::test {

/// The streams of one end, without a session: what they say is kept as frames.
struct stream_side final : detail::stream_owner {
    explicit stream_side(bool dialler, detail::stream_settings settings = usual(),
                         std::shared_ptr<detail::stream_memory> memory_ = plenty())
        : memory(std::move(memory_)),
          set(std::make_unique<detail::stream_set>(*this, home(memory), settings, dialler)) {}

    static detail::stream_settings usual() {
        detail::stream_settings out;
        out.streams_max = 8;
        out.stream_window_bytes = 64 * 1024;
        out.session_window_bytes = 1024 * 1024;
        out.stream_send_bytes = 128 * 1024;
        return out;
    }
    static std::shared_ptr<detail::stream_memory> plenty() {
        return some_memory(std::make_shared<manual_clock>(), std::size_t{1} << 30U, std::size_t{1} << 30U);
    }
    static std::shared_ptr<detail::stream_memory> some_memory(std::shared_ptr<time_source> time, std::size_t receive,
                                                              std::size_t send) {
        detail::stream_memory_limits limits;
        limits.receive_bytes = receive;
        limits.send_bytes = send;
        limits.patience = std::chrono::seconds(10);
        return std::make_shared<detail::stream_memory>(std::move(time), limits);
    }
    static std::shared_ptr<const detail::stream_home> home(const std::shared_ptr<detail::stream_memory>& memory) {
        auto out = std::make_shared<detail::stream_home>();
        out->account = std::make_shared<detail::stream_account>(memory);
        return out;
    }

    void streams_have_output() override { ++woken; }
    void stream_opened(const std::shared_ptr<detail::stream_state>& which) override {
        opened.push_back(which);
        if (accepts) which->accept();
    }
    void stream_broken(detail::stream_state&) override { ++broken; }
    void streams_quiet() override { ++quiet; }
    void count(detail::stream_event what) noexcept override { ++events[what]; }
    std::shared_ptr<void> hold() override { return nullptr; }
    [[nodiscard]] const detail::stream_account& account() const { return *set->home()->account; }

    std::shared_ptr<detail::stream_memory> memory;
    std::unique_ptr<detail::stream_set> set;
    std::vector<std::shared_ptr<detail::stream_state>> opened;
    bool accepts = true;
    int woken = 0;
    int broken = 0;
    int quiet = 0;
    std::map<detail::stream_event, int> events;
};

/// A frame under way, with what it said.
struct said_frame {
    bytes encoded;
    detail::packet_piece piece;
};

inline std::optional<said_frame> next_frame(stream_side& from, bool with_offsets, std::size_t room = 1 << 20) {
    said_frame out;
    auto piece = from.set->write_next(out.encoded, room, with_offsets);
    if (!piece) {
        CHECK(out.encoded.empty());
        return std::nullopt;
    }
    CHECK(out.encoded.size() <= room);
    out.piece = *piece;
    return out;
}

inline result<detail::frame_fate> give(stream_side& to, const said_frame& what, bool with_offsets) {
    wire::frame_decoder decoder;
    bytes_view rest = what.encoded;
    const auto frame = decoder.next(rest);
    REQUIRE(frame);
    REQUIRE(*frame);
    CHECK(rest.empty());
    return to.set->take(**frame, with_offsets);
}

/// Moves frames both ways, in order and without loss, until nothing is left to say.
inline result<void> pump(stream_side& a, stream_side& b) {
    for (bool moved = true; moved;) {
        moved = false;
        for (auto [from, to] : {std::pair(&a, &b), std::pair(&b, &a)}) {
            auto one = next_frame(*from, false);
            if (!one) continue;
            moved = true;
            from->set->acknowledged(one->piece);
            if (auto taken = give(*to, *one, false); !taken) return failure(taken.error());
        }
    }
    return {};
}

inline bytes pattern(std::size_t size, std::size_t from = 0) {
    bytes out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>((from + i) * 7 + (from + i) / 251);
    return out;
}

/// All that can be read now.
inline bytes read_all(detail::stream_state& from) {
    bytes out;
    bytes part(1000);
    for (;;) {
        const auto got = from.read_ready(part);
        if (!got || *got == 0) return out;
        out.insert(out.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*got));
    }
}

inline std::error_code error_of_read(detail::stream_state& from) {
    bytes part(1);
    const auto got = from.read_ready(part);
    return got ? std::error_code() : got.error();
}

inline std::error_code error_of_write(detail::stream_state& to) {
    const bytes part(1);
    const auto taken = to.write_ready(part);
    return taken ? std::error_code() : taken.error();
}

inline detail::stream_state& open_one(stream_side& a, std::string name = "echo/1") {
    auto made = a.set->open(std::move(name));
    REQUIRE(made);
    return **made;
}

}  // namespace mydht::test
