#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "session/session_state.hpp"

namespace mydht::detail {

namespace {

constexpr std::size_t read_bytes_min = 512;
constexpr std::size_t read_bytes_max = 16 * 1024;
/// What has to come of a message that is not complete within a stall_timeout.
constexpr std::size_t progress_bytes = 16 * 1024;

/// What a peer's reason to close means on this side.
errc code_of(wire::close_reason reason) {
    switch (reason) {
        case wire::close_reason::idle: return errc::idle;
        case wire::close_reason::replaced: return errc::session_replaced;
        case wire::close_reason::protocol_violation: return errc::protocol_violation;
        case wire::close_reason::overloaded: return errc::peer_busy;
        case wire::close_reason::refused: return errc::connection_refused;
        default: return errc::session_closed;
    }
}

wire::error_code refusal_of(errc code) {
    switch (code) {
        case errc::not_supported:
        case errc::unknown_version: return wire::error_code::not_supported;
        case errc::too_large: return wire::error_code::too_large;
        default: return wire::error_code::malformed;
    }
}

}  // namespace

task<> session_state::read_loop(std::shared_ptr<session_state> self, shared_connection connection) {
    const auto why = co_await self->read_until_failure(*connection);
    self->reading_ = false;
    self->read_failed(why);
    self->drop_buffers();
}

void session_state::read_failed(std::error_code why) {
    // What is left to say may still leave.
    if (phase_ >= phase::closing) return;
    const bool in_order = records_.at_boundary() && frames_.at_boundary();
    if (why == errc::end_of_stream) return end(why, in_order ? "" : "in the middle of a message");
    const bool broken = why == errc::connection_reset || why == errc::closed || why == errc::network_failed;
    if (broken || why == errc::nonce_exhausted) return end(why);
    close(wire::close_reason::protocol_violation, why, "the peer broke the rules");
}

task<std::error_code> session_state::read_until_failure(any_connection& connection) {
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
        const auto room = records_.prepare();
        const auto got = co_await connection.read_some(room);
        if (!got) co_return got.error();
        records_.commit(*got);
        progress_ += *got;
        context_->counters.bytes_received += *got;
        adapt_reading(*got, room.size());
    }
}

void session_state::watch_progress() {
    if (records_.at_boundary() && frames_.at_boundary()) return frame_began_.reset();
    if (frame_began_ && progress_ < progress_bytes) return;
    frame_began_ = now();
    progress_ = 0;
    arm_at_latest(*frame_began_ + config().stall_timeout);
}

void session_state::adapt_reading(std::size_t got, std::size_t room) {
    // Twice what came: a busy session needs few reads, and one at rest holds little.
    const auto wanted = got == room ? room * 2 : got * 2;
    records_.set_read_bytes(std::clamp(wanted, read_bytes_min, read_bytes_max));
}

task<std::error_code> session_state::take_frames(bytes_view plain) {
    for (;;) {
        const auto next = frames_.next(plain);
        if (!next) co_return next.error();
        if (!*next) co_return std::error_code();
        const auto frame = **next;
        // From here on it is this side that may take its time.
        frame_began_.reset();
        switch (frame.kind) {
            case wire::frame_kind::message: {
                auto request = take_message(frame.payload);
                if (!request) co_return request.error();
                if (!*request) break;
                while (!can_serve((*request)->size)) co_await served_less_.wait();
                begin_serving(std::move(**request));
                break;
            }
            case wire::frame_kind::ping: {
                std::array<std::uint8_t, wire::ping_bytes> echoed{};
                std::ranges::copy(frame.payload, echoed.begin());
                // The reader stops here, so later than answers do: two sides full of answers still hear each other.
                while (out_.answers_waiting() >= 2 * config().answer_buffer_bytes && phase_ < phase::closing)
                    co_await room_.wait();
                wire::append_ping(out_.frames(), wire::frame_kind::pong, echoed);
                count_waiting();
                wake_writer();
                break;
            }
            case wire::frame_kind::pong: break;
            case wire::frame_kind::close: {
                const auto why = code_of(wire::read_close(frame.payload));
                end(why, "the peer closed");
                co_return make_error_code(why);
            }
            default: co_return make_error_code(errc::protocol_violation);
        }
        if (phase_ >= phase::closing) co_return make_error_code(errc::closed);
    }
}

result<std::optional<session_state::incoming>> session_state::take_message(bytes_view payload) {
    wire::decode_error why;
    auto envelope = codec_->decode(payload, {}, &why);
    if (!envelope) return take_undecodable(why, payload.size());
    switch (wire::role_of(envelope->body)) {
        case wire::message_role::answer: {
            note_use();
            if (auto done = requests_.settle(envelope->id, std::move(envelope->body)); !done)
                return failure(done.error());
            return std::nullopt;
        }
        case wire::message_role::notice: take_cancel(envelope->id); return std::nullopt;
        case wire::message_role::request: break;
    }
    incoming request;
    request.id = envelope->id;
    request.size = payload.size();
    request.what = std::move(envelope->body);
    return take_request(std::move(request));
}

result<std::optional<session_state::incoming>> session_state::take_undecodable(const wire::decode_error& why,
                                                                               std::size_t size) {
    // Without an id nobody can be told: the peer's messages cannot be trusted to be messages.
    if (!why.id) return failure(why.code);
    switch (why.role) {
        case wire::message_role::answer: {
            if (auto done = requests_.settle(*why.id, failure(why.code)); !done) return failure(done.error());
            return std::nullopt;
        }
        case wire::message_role::notice: return std::nullopt;
        case wire::message_role::request: break;
    }
    incoming request;
    request.id = *why.id;
    request.size = size;
    request.refusal.code = refusal_of(why.code);
    request.refusal.text = std::string(why.field);
    return take_request(std::move(request));
}

result<std::optional<session_state::incoming>> session_state::take_request(incoming request) {
    const auto [from, to] = served_.equal_range(request.id);
    const bool repeated = std::any_of(from, to, [](const auto& one) { return one.second.wanted; });
    if (repeated) return failure(errc::protocol_violation);
    note_use();
    return request;
}

void session_state::take_cancel(std::uint64_t id) {
    const auto [from, to] = served_.equal_range(id);
    for (auto it = from; it != to; ++it) {
        it->second.wanted = false;
        it->second.running.cancel();
    }
}

bool session_state::can_serve(std::size_t size) const noexcept {
    if (phase_ >= phase::closing || served_.empty()) return true;
    return served_.size() < config().served_max && served_bytes_ + size <= config().served_bytes;
}

}  // namespace mydht::detail
