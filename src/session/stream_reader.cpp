#include <algorithm>
#include <array>
#include <utility>

#include "session/stream_session.hpp"

namespace mydht::detail {

namespace {

constexpr std::size_t read_bytes_min = 512;
constexpr std::size_t read_bytes_max = 64 * 1024;
/// What has to come of a message that is not complete within a stall_timeout.
constexpr std::size_t progress_bytes = 16 * 1024;

}  // namespace

task<> stream_session::read_loop(std::shared_ptr<stream_session> self, shared_connection connection) {
    const auto why = co_await self->read_until_failure(*connection);
    self->reading_ = false;
    self->read_failed(why);
    self->drop_buffers();
}

void stream_session::read_failed(std::error_code why) {
    // What is left to say may still leave.
    if (current_phase() >= phase::closing) return;
    const bool in_order = records_.at_boundary() && frames_.at_boundary();
    if (why == errc::end_of_stream) return end(why, in_order ? "" : "in the middle of a message");
    const bool broken = why == errc::connection_reset || why == errc::closed || why == errc::network_failed;
    if (broken || why == errc::nonce_exhausted) return end(why);
    close(wire::close_reason::protocol_violation, why, "the peer broke the rules");
}

task<std::error_code> stream_session::read_until_failure(any_connection& connection) {
    for (;;) {
        for (;;) {
            const auto record = records_.next();
            if (!record) co_return record.error();
            if (!*record) break;
            const auto plain = layer_.open(**record);
            if (!plain) co_return plain.error();
            const auto failed = co_await take_frames(*plain);
            if (failed) co_return failed;
        }
        watch_progress();
        give_back();
        const auto room = records_.prepare();
        const auto got = co_await connection.read_some(room);
        if (!got) co_return got.error();
        records_.commit(*got);
        progress_ += *got;
        silence_.heard(now());
        context()->counters.bytes_received += *got;
        adapt_reading(*got, room.size());
    }
}

void stream_session::watch_progress() {
    if (records_.at_boundary() && frames_.at_boundary()) {
        frame_began_ = steady_time::max();
        return;
    }
    if (frame_began_ != steady_time::max() && progress_ < progress_bytes) return;
    frame_began_ = now();
    progress_ = 0;
    arm_at_latest(frame_began_ + config().stall_timeout);
}

/// Before a read that may wait for long: what was needed while much came is not kept for a little.
void stream_session::give_back() {
    constexpr std::size_t spared = 8;
    if (records_.memory() > spared * records_.read_bytes()) records_.release();
}

void stream_session::adapt_reading(std::size_t got, std::size_t room) {
    // Twice what came: a busy session needs few reads, and one at rest holds little.
    const auto wanted = got == room ? room * 2 : got * 2;
    records_.set_read_bytes(std::clamp(wanted, read_bytes_min, read_bytes_max));
}

task<std::error_code> stream_session::take_frames(bytes_view plain) {
    for (;;) {
        const auto next = frames_.next(plain);
        if (!next) co_return next.error();
        if (!*next) co_return std::error_code();
        const auto frame = **next;
        // From here on it is this side that may take its time.
        frame_began_ = steady_time::max();
        switch (frame.kind) {
            case wire::frame_kind::message: {
                auto request = take_message(frame.payload);
                if (!request) co_return request.error();
                if (!*request) break;
                while (!can_serve((*request)->size)) {
                    hold_back();
                    co_await served_less_.wait();
                }
                held_back_ = false;
                begin_serving(std::move(**request));
                break;
            }
            case wire::frame_kind::ping: {
                std::array<std::uint8_t, wire::ping_bytes> echoed{};
                std::ranges::copy(frame.payload, echoed.begin());
                // The reader stops here, so later than answers do: two sides full of answers still hear each other.
                while (out_.answers_waiting() >= 2 * config().answer_buffer_bytes && lives()) {
                    hold_back();
                    co_await room_.wait();
                }
                held_back_ = false;
                wire::append_ping(out_.frames(), wire::frame_kind::pong, echoed);
                count_waiting();
                wake_writer();
                break;
            }
            case wire::frame_kind::pong: break;
            case wire::frame_kind::close: co_return peer_closed(frame.payload);
            case wire::frame_kind::stream_open:
            case wire::frame_kind::stream_data:
            case wire::frame_kind::stream_window:
            case wire::frame_kind::stream_reset:
            case wire::frame_kind::stream_end:
            case wire::frame_kind::session_window: {
                begin_to_wait();
                const auto taken = take_stream_frame(frame, false);
                if (!taken) co_return taken.error();
                break;
            }
            default: co_return make_error_code(errc::protocol_violation);
        }
        if (current_phase() >= phase::closing) co_return make_error_code(errc::closed);
    }
}

}  // namespace mydht::detail
