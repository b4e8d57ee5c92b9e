#include <mydht/node/calls.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <utility>

#include <mydht/core/application_error.hpp>
#include <mydht/runtime/deadline.hpp>
#include <mydht/session/stream_lease.hpp>

namespace mydht {

/// One service, and how many calls of each peer it answers now.
struct detail::call_desk {
    call_handler handler;
    call_limits limits;
    std::map<node_id, std::size_t> under_way;
};

namespace {

using detail::call_desk;

constexpr std::size_t size_bytes = sizeof(std::uint32_t);
constexpr std::size_t request_head_bytes = size_bytes + sizeof(std::uint64_t);
/// Memory for a message begins with this and doubles as it comes, whatever size was announced.
constexpr std::size_t step_bytes = 64 * 1024;

/// What the answering side says next.
enum class answer_kind : std::uint8_t { send_attachment = 1, response = 2 };

template <std::size_t size>
void put(bytes& out, std::uint64_t value) {
    for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

std::uint64_t number_in(bytes_view data) {
    std::uint64_t out = 0;
    for (std::size_t i = data.size(); i > 0; --i) out = (out << 8U) | data[i - 1];
    return out;
}

void reset(stream& which, wire::stream_code code) { which.reset(static_cast<std::uint32_t>(code)); }

/// What the end of a call's stream means to the caller.
std::error_code in_words_of_calls(const stream& over, std::error_code failed) {
    if (failed == errc::end_of_stream) return errc::truncated;
    if (failed != errc::stream_reset) return failed;
    switch (static_cast<wire::stream_code>(over.reset_code().value_or(0))) {
        case wire::stream_code::not_wanted: return errc::attachment_refused;
        case wire::stream_code::handler_failed: return errc::peer_error;
        default: break;
    }
    const auto code = over.reset_code().value_or(0);
    return code > 0 && code < wire::stream_code_reserved ? application_error(code) : failed;
}

/// Breaks a call off that does not come to its response.
class call_guard {
public:
    explicit call_guard(stream over) : over_(std::move(over)) {}
    call_guard(const call_guard&) = delete;
    call_guard& operator=(const call_guard&) = delete;
    ~call_guard() {
        if (!done_) reset(over_, wire::stream_code::none);
    }
    void done() noexcept { done_ = true; }

private:
    stream over_;
    bool done_ = false;
};

/// `memory`: counts the message, for as long as the caller keeps it.
task<result<bytes>> read_message(stream from, std::uint64_t size, std::size_t size_max, stream_lease& memory) {
    if (size > size_max) co_return failure(errc::too_large);
    bytes out;
    while (out.size() < size) {
        const auto had = out.size();
        const auto room = std::min<std::size_t>(static_cast<std::size_t>(size), std::max(2 * had, step_bytes));
        if (!memory.grow_to(room)) co_return failure(errc::peer_busy);
        out.reserve(room);
        out.resize(room);
        const auto read = co_await from.read(bytes_span(out).subspan(had));
        if (!read) co_return failure(read.error());
    }
    co_return out;
}

/// Reads the next thing that the answering side says, up to its payload.
task<result<answer_kind>> read_kind(stream from) {
    std::array<std::uint8_t, 1> kind{};
    const auto read = co_await from.read(kind);
    if (!read) co_return failure(in_words_of_calls(from, read.error()));
    const auto out = static_cast<answer_kind>(kind[0]);
    if (out != answer_kind::send_attachment && out != answer_kind::response)
        co_return failure(errc::protocol_violation);
    co_return out;
}

task<result<void>> send_attachment(stream to, attachment what) {
    bytes part(step_bytes);
    while (what.size > 0) {
        const auto room = std::min<std::uint64_t>(part.size(), what.size);
        auto more = what.read_some(bytes_span(part).first(static_cast<std::size_t>(room)));
        const auto count = co_await std::move(more);
        if (!count) co_return failure(count.error());
        if (*count == 0 || *count > room) co_return failure(errc::bad_argument);
        what.size -= *count;
        const auto written = co_await to.write(bytes_view(part).first(*count));
        if (!written) co_return failure(in_words_of_calls(to, written.error()));
    }
    co_return result<void>();
}

/// The place of a call at its desk; none when the peer has too many.
class call_place {
public:
    call_place(std::shared_ptr<call_desk> desk, const node_id& peer) : desk_(std::move(desk)) {
        at_ = desk_->under_way.try_emplace(peer, 0).first;
        taken_ = at_->second < desk_->limits.calls_per_peer;
        if (taken_) ++at_->second;
    }
    call_place(const call_place&) = delete;
    call_place& operator=(const call_place&) = delete;
    ~call_place() {
        if (taken_) --at_->second;
        if (at_->second == 0) desk_->under_way.erase(at_);
    }
    [[nodiscard]] bool taken() const noexcept { return taken_; }

private:
    std::shared_ptr<call_desk> desk_;
    std::map<node_id, std::size_t>::iterator at_;
    bool taken_ = false;
};

struct asked_call {
    asked_call() {}

    bytes request;
    std::uint64_t attached = 0;
};

/// The request and the size of what goes with it.
task<result<asked_call>> read_request(stream from, const call_limits& limits, stream_lease& memory) {
    std::array<std::uint8_t, request_head_bytes> head{};
    const auto begun = co_await from.read(head);
    if (!begun) co_return failure(begun.error());
    asked_call out;
    out.attached = number_in(bytes_view(head).subspan(size_bytes));
    if (out.attached > limits.attachment_bytes) co_return failure(errc::attachment_refused);
    const auto size = number_in(bytes_view(head).first(size_bytes));
    auto request = co_await read_message(from, size, limits.message_bytes, memory);
    if (!request) co_return failure(request.error());
    out.request = std::move(*request);
    co_return out;
}

/// What the caller is told when its request was not taken.
wire::stream_code code_of(std::error_code why) {
    if (why == errc::attachment_refused) return wire::stream_code::not_wanted;
    return why == errc::peer_busy ? wire::stream_code::no_room : wire::stream_code::handler_failed;
}

task<> answer_call(std::shared_ptr<call_desk> desk, stream over) {
    const call_place place(desk, over.peer().who.id);
    if (!place.taken()) co_return reset(over, wire::stream_code::too_many_streams);
    stream_lease memory(over);
    auto& time = memory.time();
    const auto limit = desk->limits.message_time;
    auto reading = read_request(over, desk->limits, memory);
    auto asked = co_await with_deadline(time, time.now() + limit, std::move(reading));
    if (!asked) co_return reset(over, code_of(asked.error()));
    incoming_call call(over, std::move(asked->request), asked->attached);
    auto work = desk->handler(call);
    auto response = co_await std::move(work);
    const auto code = response ? 0 : application_code(response.error());
    if (code > 0) co_return over.reset(code);
    if (!response || response->size() > ~std::uint32_t{0}) co_return reset(over, wire::stream_code::handler_failed);
    bytes out;
    out.reserve(1 + size_bytes + response->size());
    out.push_back(static_cast<std::uint8_t>(answer_kind::response));
    put<size_bytes>(out, response->size());
    out.insert(out.end(), response->begin(), response->end());
    auto writing = over.write(out);
    const auto written = co_await with_deadline(time, time.now() + limit, std::move(writing));
    if (!written) co_return reset(over, wire::stream_code::handler_failed);
    over.close();
}

task<result<bytes>> answer_request(std::shared_ptr<call_desk> desk, service_question what) {
    if (what.body.size() > desk->limits.message_bytes) co_return failure(errc::too_large);
    incoming_call call(std::move(what));
    auto work = desk->handler(call);
    auto reply = co_await std::move(work);
    co_return reply;
}

}  // namespace

const peer_info& incoming_call::from() const noexcept {
    static const peer_info nobody;
    return travelled_ ? nobody : stream_.peer();
}

task<result<std::size_t>> incoming_call::read_attachment(bytes_span into) {
    if (left_ == 0) co_return failure(errc::end_of_stream);
    if (!std::exchange(asked_for_, true)) {
        const std::array<std::uint8_t, 1> ask{static_cast<std::uint8_t>(answer_kind::send_attachment)};
        const auto asked = co_await stream_.write(ask);
        if (!asked) co_return failure(asked.error());
    }
    const auto room = std::min<std::uint64_t>(into.size(), left_);
    const auto got = co_await stream_.read_some(into.first(static_cast<std::size_t>(room)));
    if (!got) co_return failure(got.error() == errc::end_of_stream ? make_error_code(errc::truncated) : got.error());
    left_ -= *got;
    co_return *got;
}

void incoming_call::refuse_attachment() { reset(stream_, wire::stream_code::not_wanted); }

call_service::call_service(call_handler handler, call_limits limits) : desk_(std::make_shared<call_desk>()) {
    desk_->handler = std::move(handler);
    desk_->limits = limits;
}

call_service::operator service_handler() const {
    return [desk = desk_](stream over) { return answer_call(desk, std::move(over)); };
}

task<result<bytes>> call_service::answer(service_question what) const { return answer_request(desk_, std::move(what)); }

call_service make_call_service(call_handler handler, call_limits limits) { return {std::move(handler), limits}; }

task<result<bytes>> exchange_call(stream over, bytes request, std::optional<attachment> with, call_limits limits) {
    if (request.size() > limits.message_bytes || request.size() > ~std::uint32_t{0}) co_return failure(errc::too_large);
    call_guard guard(over);
    bytes head;
    put<size_bytes>(head, request.size());
    put<sizeof(std::uint64_t)>(head, with ? with->size : 0);
    request.insert(request.begin(), head.begin(), head.end());
    const auto written = co_await over.write(request);
    if (!written) co_return failure(in_words_of_calls(over, written.error()));
    if (!with) (void)co_await over.finish();
    auto kind = co_await read_kind(over);
    if (kind && *kind == answer_kind::send_attachment) {
        if (!with) co_return failure(errc::protocol_violation);
        auto sent = co_await send_attachment(over, std::move(*with));
        // Who answers without reading all of it breaks the rest off, and the answer is there.
        if (!sent && sent.error() != errc::stream_reset) co_return failure(sent.error());
        (void)co_await over.finish();
        kind = co_await read_kind(over);
        if (kind && *kind != answer_kind::response) co_return failure(errc::protocol_violation);
    }
    if (!kind) co_return failure(kind.error());
    std::array<std::uint8_t, size_bytes> size{};
    const auto sized = co_await over.read(size);
    if (!sized) co_return failure(in_words_of_calls(over, sized.error()));
    stream_lease memory(over);
    auto response = co_await read_message(over, number_in(size), limits.message_bytes, memory);
    if (!response) co_return failure(in_words_of_calls(over, response.error()));
    guard.done();
    over.close();
    co_return response;
}

}  // namespace mydht
