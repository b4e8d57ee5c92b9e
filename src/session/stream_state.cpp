#include "session/stream_state.hpp"

#include <algorithm>
#include <utility>

#include "session/packet_piece.hpp"
#include "session/stream_set.hpp"

namespace mydht::detail {

namespace {

/// What a reset says to whoever waits for something on the stream.
errc error_of(std::uint32_t code) {
    switch (static_cast<wire::stream_code>(code)) {
        case wire::stream_code::no_service: return errc::no_service;
        case wire::stream_code::too_many_streams: return errc::too_many_streams;
        case wire::stream_code::no_room: return errc::peer_busy;
        default: return errc::stream_reset;
    }
}

byte_range range_of(const packet_piece& piece) { return {piece.offset, piece.offset + piece.size}; }

}  // namespace

stream_state::stream_state(stream_set& set, std::uint32_t channel, std::string service, bool incoming)
    : set_(&set),
      home_(set.home()),
      service_(std::move(service)),
      channel_(channel),
      incoming_(incoming),
      receiving_(set.settings().stream_window_bytes),
      open_due_(!incoming),
      accepted_(incoming) {
    count_memory();
}

stream_state::~stream_state() {
    home_->account->count(stream_side_of::receiving, held_in_, 0);
    home_->account->count(stream_side_of::sending, held_out_, 0);
}

// --- what handles do -------------------------------------------------------------------------------------------------

task<result<std::size_t>> stream_state::read_some(std::shared_ptr<stream_state> self, bytes_span into) {
    if (into.empty()) co_return std::size_t{0};
    for (;;) {
        const auto got = self->read_ready(into);
        if (!got || *got > 0) co_return got;
        co_await self->readers_.wait();
    }
}

task<result<void>> stream_state::read(std::shared_ptr<stream_state> self, bytes_span into) {
    bool begun = false;
    while (!into.empty()) {
        const auto got = self->read_ready(into);
        if (!got) co_return failure(begun && got.error() == errc::end_of_stream ? errc::truncated : got.error());
        begun = begun || *got > 0;
        into = into.subspan(*got);
        if (*got == 0) co_await self->readers_.wait();
    }
    co_return result<void>();
}

task<result<void>> stream_state::write(std::shared_ptr<stream_state> self, bytes_view data) {
    for (;;) {
        const auto taken = self->write_ready(data);
        if (!taken) co_return failure(taken.error());
        data = data.subspan(*taken);
        if (data.empty()) co_return result<void>();
        co_await self->writers_.wait();
    }
}

task<result<std::size_t>> stream_state::write_some(std::shared_ptr<stream_state> self,
                                                   std::span<const bytes_view> data) {
    for (;;) {
        std::size_t sum = 0;
        bool wanted = false;
        for (const auto part : data) {
            const auto taken = self->write_ready(part);
            if (!taken) co_return failure(taken.error());
            sum += *taken;
            wanted = wanted || !part.empty();
            if (*taken < part.size()) break;
        }
        if (sum > 0 || !wanted) co_return sum;
        co_await self->writers_.wait();
    }
}

task<result<void>> stream_state::finish(std::shared_ptr<stream_state> self) { co_return self->finish_now(); }

task<result<void>> stream_state::flushed(std::shared_ptr<stream_state> self) {
    for (;;) {
        const auto& sending = self->sending_;
        if (self->broken_) co_return failure(self->broken_);
        if (sending.finished() ? sending.all_acknowledged() : sending.data_acknowledged()) co_return result<void>();
        co_await self->flushers_.wait();
    }
}

task<result<void>> stream_state::accepted(std::shared_ptr<stream_state> self) {
    while (!self->accepted_) {
        if (self->broken_) co_return failure(self->broken_);
        co_await self->openers_.wait();
    }
    co_return result<void>();
}

result<std::size_t> stream_state::read_ready(bytes_span into) {
    const auto self = shared_from_this();
    const auto count = receiving_.read(into);
    if (count > 0) {
        count_memory();
        if (set_ == nullptr) return count;
        set_->consumed(count);
        set_->schedule(*this);
        set_->look_at(*this);
        return count;
    }
    if (receiving_.ended()) return failure(errc::end_of_stream);
    if (broken_) return failure(broken_);
    if (left_) return failure(errc::closed);
    return std::size_t{0};
}

result<std::size_t> stream_state::write_ready(bytes_view data) {
    if (broken_) return failure(broken_);
    if (sending_.finished()) return failure(errc::closed);
    const auto room = home_->account->room(stream_side_of::sending);
    if (room == 0 && !data.empty()) home_->account->wait_for_room();
    const auto count = sending_.take(data.first(std::min(data.size(), room)), set_->settings().stream_send_bytes);
    if (count == 0) return count;
    count_memory();
    set_->schedule(*this);
    return count;
}

result<void> stream_state::finish_now() {
    if (broken_) return failure(broken_);
    if (sending_.finished()) return {};
    sending_.finish();
    writers_.notify_all();
    set_->schedule(*this);
    return {};
}

void stream_state::reset(std::uint32_t code) {
    if (broken_ || set_ == nullptr) return give_up_reading();
    const auto self = shared_from_this();
    code_ = code;
    sending_.drop();
    drop_received();
    say_reset(code);
    break_off(errc::closed);
    set_->look_at(*this);
}

void stream_state::leave() {
    if (broken_ || left_) return give_up_reading();
    const auto self = shared_from_this();
    left_ = true;
    (void)finish_now();
    drop_received();
    readers_.notify_all();
    linger();
    if (set_ != nullptr) set_->look_at(*this);
}

void stream_state::give_up_reading() {
    const auto self = shared_from_this();
    drop_received();
    if (set_ != nullptr) set_->look_at(*this);
}

void stream_state::abandon() {
    if (sending_.finished()) return leave();
    reset(static_cast<std::uint32_t>(wire::stream_code::abandoned));
}

void stream_state::accept() {
    if (broken_ || set_ == nullptr) return;
    window_due_ = true;
    set_->schedule(*this);
}

// --- what the set does -----------------------------------------------------------------------------------------------

void stream_state::data_came() {
    accepted_ = open_known_ = true;
    openers_.notify_all();
    if (receiving_.readable() || receiving_.ended()) readers_.notify_all();
}

void stream_state::end_came() {
    data_came();
    linger();
}

void stream_state::reset_came(std::uint32_t code, bool complete) {
    // The answer tells how much was sent, which the other side's windows need to know.
    if (reset_ == reset_phase::none && !sending_.all_acknowledged()) say_reset(code);
    if (broken_) return;
    code_ = code;
    sending_.drop();
    count_memory();
    // What has come whole from a side that then left is the application's: the peer only wants no more answer to it.
    const bool whole = complete && !left_ && code == static_cast<std::uint32_t>(wire::stream_code::abandoned);
    if (!whole) drop_received();
    broken_ = error_of(code);
    wake_all();
    if (!whole) set_->broke(*this);
}

void stream_state::window_came(std::uint64_t limit) {
    accepted_ = open_known_ = true;
    openers_.notify_all();
    sending_.raise_limit(limit);
}

void stream_state::detach(std::error_code why) {
    set_ = nullptr;
    if (broken_ || over()) return;
    sending_.drop();
    count_memory();
    break_off(why);
}

void stream_state::acknowledged(const packet_piece& piece) {
    switch (piece.kind) {
        case wire::frame_kind::stream_open: open_known_ = true; break;
        case wire::frame_kind::stream_data:
            sending_.acknowledged(range_of(piece));
            // Not for every frame: a writer that is woken should find room for many.
            if (sending_.kept() <= set_->settings().stream_send_bytes / 2) writers_.notify_all();
            break;
        case wire::frame_kind::stream_end: sending_.end_acknowledged(); break;
        case wire::frame_kind::stream_reset: reset_ = reset_phase::acknowledged; break;
        default: return;
    }
    count_memory();
    if (sending_.data_acknowledged()) flushers_.notify_all();
    linger();
}

void stream_state::lost(const packet_piece& piece) {
    switch (piece.kind) {
        case wire::frame_kind::stream_open: open_due_ = open_due_ || !open_known_; break;
        case wire::frame_kind::stream_data: sending_.lost(range_of(piece)); break;
        case wire::frame_kind::stream_end: sending_.end_lost(); break;
        case wire::frame_kind::stream_window: window_due_ = window_due_ || piece.offset == receiving_.window(); break;
        case wire::frame_kind::stream_reset:
            if (reset_ == reset_phase::said) reset_ = reset_phase::due;
            break;
        default: break;
    }
}

bool stream_state::has_control() const noexcept {
    if (open_due_ || reset_ == reset_phase::due) return true;
    return reset_ == reset_phase::none && (window_due_ || receiving_.window_due());
}

bool stream_state::has_data() const noexcept {
    if (open_due_ || reset_ != reset_phase::none) return false;
    return sending_.has_lost() || sending_.has_fresh() || sending_.end_due();
}

bool stream_state::over() const noexcept {
    // What opens it may come last, and be lost: whoever is to read the stream is told by then.
    const bool opened = incoming_ ? !service_.empty() : open_known_;
    const bool nothing_due = !open_due_ && (reset_ == reset_phase::none || reset_ == reset_phase::acknowledged);
    const bool heard = receiving_.end_known() && (receiving_.discarding() || (opened && receiving_.ended()));
    const bool said = reset_ == reset_phase::acknowledged || sending_.all_acknowledged();
    return nothing_due && heard && said && (opened || incoming_);
}

void stream_state::break_off(std::error_code why) {
    broken_ = why;
    wake_all();
    if (set_ != nullptr) set_->broke(*this);
}

void stream_state::say_reset(std::uint32_t code) {
    reset_ = reset_phase::due;
    reset_code_ = code;
    set_->schedule(*this);
}

void stream_state::drop_received() {
    const auto freed = receiving_.discard();
    count_memory();
    if (set_ != nullptr) set_->consumed(freed);
}

void stream_state::linger() {
    // Not before all has arrived: a reset may overtake what was sent before it.
    if (!left_ || broken_ || receiving_.end_known() || !sending_.all_acknowledged()) return;
    code_ = static_cast<std::uint32_t>(wire::stream_code::abandoned);
    say_reset(*code_);
    break_off(errc::closed);
}

void stream_state::wake_all() {
    readers_.notify_all();
    writers_.notify_all();
    flushers_.notify_all();
    openers_.notify_all();
}

void stream_state::count_memory() noexcept {
    auto& account = *home_->account;
    account.count(stream_side_of::receiving, held_in_, receiving_.memory() + (incoming_ ? bytes_each : 0));
    account.count(stream_side_of::sending, held_out_, sending_.memory());
}

bool stream_state::stale(stream_side_of side, steady_time now, duration patience) noexcept {
    const bool in = side == stream_side_of::receiving;
    const auto holds = in ? receiving_.memory() : sending_.memory();
    const auto progress = in ? receiving_.consumed() : sending_.progress();
    auto& looked = in ? looked_in_ : looked_out_;
    if (looked.since == steady_time::max() || looked.progress != progress || holds == 0) {
        looked.progress = progress;
        looked.since = now;
    }
    return !broken_ && now - looked.since >= patience;
}

std::size_t stream_state::memory() const noexcept {
    return sizeof *this + service_.capacity() + sending_.memory() + receiving_.memory();
}

}  // namespace mydht::detail
