// What the peer says, and what it is answered.

#include <string>
#include <utility>

#include "session/session_state.hpp"

namespace mydht::detail {

namespace {

wire::error_code refusal_of(errc code) {
    switch (code) {
        case errc::not_supported:
        case errc::unknown_version: return wire::error_code::not_supported;
        case errc::too_large: return wire::error_code::too_large;
        default: return wire::error_code::malformed;
    }
}

}  // namespace

result<std::optional<incoming_request>> session_state::take_message(bytes_view payload) {
    wire::decode_error why;
    auto envelope = codec_.decode(payload, {}, &why);
    if (!envelope) return take_undecodable(why, payload.size());
    switch (wire::role_of(envelope->body)) {
        case wire::message_role::answer: {
            note_use();
            settled(envelope->id, true);
            if (auto done = requests_.settle(envelope->id, std::move(envelope->body)); !done)
                return failure(done.error());
            return std::nullopt;
        }
        case wire::message_role::notice: served_.cancel(envelope->id); return std::nullopt;
        case wire::message_role::request: break;
    }
    incoming_request request;
    request.id = envelope->id;
    request.size = payload.size();
    request.what = std::move(envelope->body);
    return take_request(std::move(request));
}

result<std::optional<incoming_request>> session_state::take_undecodable(const wire::decode_error& why,
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
    incoming_request request;
    request.id = *why.id;
    request.size = size;
    request.refusal.code = refusal_of(why.code);
    request.refusal.text = std::string(why.field);
    return take_request(std::move(request));
}

result<std::optional<incoming_request>> session_state::take_request(incoming_request request) {
    if (served_.wanted(request.id)) {
        if (auto known = repeated(request.id); !known) return failure(known.error());
        return std::nullopt;
    }
    note_use();
    if (!context_->request_rate) return request;
    switch (context_->request_rate->take(peer_.observed, peer_.priority, now())) {
        case rate_verdict::serve: return request;
        case rate_verdict::drop: ++context_->counters.requests_throttled; return std::nullopt;
        case rate_verdict::tell: break;
    }
    ++context_->counters.requests_throttled;
    request.what.reset();
    request.refusal = wire::error();
    request.refusal.code = wire::error_code::throttled;
    return request;
}

bool session_state::can_serve(std::size_t size) const noexcept { return !lives() || served_.has_room(config(), size); }

void session_state::begin_serving(incoming_request request) {
    if (lives()) served_.begin(context_, std::move(request));
}

void session_state::start_serving(task_handle& handle, task<> work) {
    context_->group.spawn(serving_name, handle, std::move(work));
}

void session_state::served_one() noexcept {
    served_less_.notify_one();
    close_if_done();
}

void session_state::send_answer(std::uint64_t id, wire::message answer) {
    if (!lives()) return;
    note_use();
    wire::envelope envelope;
    envelope.id = id;
    envelope.body = std::move(answer);
    if (const auto sent = say(std::move(envelope)); sent) return;
    context_->log(log_level::warning, name() + ": an answer does not encode");
    wire::error failed;
    failed.code = wire::error_code::internal;
    envelope.body = std::move(failed);
    (void)say(std::move(envelope));
}

}  // namespace mydht::detail
