#include "session/stream_set.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <mydht/wire/stream_frames.hpp>

namespace mydht::detail {

namespace {

/// Streams that the peer opened and that were broken off, while it has not said that it knows.
constexpr std::size_t unanswered_max = 1024;
/// Holes in the peer's channel numbers, by frames that overtook each other.
constexpr std::size_t skipped_max = 1024;
/// Channels of the peer that frames have come for, but not the one that opens them, and what they may hold together.
constexpr std::size_t unopened_max = 64;
constexpr std::size_t unopened_bytes_max = 256 * 1024;
/// Channels beyond this are never used, so that the next one is always a number.
constexpr std::uint32_t channel_max = 0xffff'fff0;

}  // namespace

stream_set::stream_set(stream_owner& owner, std::shared_ptr<const stream_home> home, const stream_settings& settings,
                       bool dialler) noexcept
    : owner_(owner), home_(std::move(home)), settings_(settings), dialler_(dialler), next_own_(dialler ? 1 : 2) {
    home_->account->held_by(this);
}

stream_set::~stream_set() {
    fail_all(errc::session_closed);
    home_->account->held_by(nullptr);
}

result<std::shared_ptr<stream_state>> stream_set::open(std::string service) {
    if (failed_) return failure(failed_);
    if (streams_.size() - of_peer_ >= settings_.streams_max || next_own_ > channel_max) {
        return failure(errc::too_many_streams);
    }
    auto made = std::make_shared<stream_state>(*this, next_own_, std::move(service), false);
    next_own_ += 2;
    streams_.emplace(made->channel(), made);
    look_at(*made);
    schedule(*made);
    return made;
}

stream_state* stream_set::find(std::uint32_t channel) const {
    const auto at = streams_.find(channel);
    return at == streams_.end() ? nullptr : at->second.get();
}

void stream_set::fail_all(std::error_code why) {
    if (!failed_) failed_ = why;
    auto gone = std::exchange(streams_, {});
    for (auto& [channel, which] : gone) which->detach(why);
    of_peer_ = open_of_peer_ = open_of_own_ = 0;
    control_.clear();
    data_.clear();
    held_.clear();
    unopened_.clear();
}

// --- when memory is short --------------------------------------------------------------------------------------------

void stream_set::drop_stale(stream_side_of side, steady_time now) {
    // With its last stream the session may end.
    const auto kept = owner_.hold();
    std::vector<stream_ptr> stale;
    for (const auto& [channel, which] : streams_) {
        if (which->stale(side, now, home_->account->memory().patience())) stale.push_back(which);
    }
    for (const auto& which : stale) {
        which->reset(static_cast<std::uint32_t>(wire::stream_code::no_room));
        owner_.count(stream_event::stream_dropped);
    }
}

void stream_set::room_came() {
    for (const auto& [channel, which] : streams_) which->writers_.notify_all();
}

std::size_t stream_set::memory() const noexcept {
    constexpr std::size_t node_bytes = 64;
    std::size_t out = sizeof *this + skipped_.size() * node_bytes + held_.capacity() * sizeof(std::uint32_t);
    for (const auto& [channel, which] : streams_) out += node_bytes + which->memory();
    return out;
}

// --- what streams report ---------------------------------------------------------------------------------------------

void stream_set::schedule(stream_state& which) {
    bool more = false;
    if (!which.in_control_ && which.has_control()) {
        which.in_control_ = more = true;
        control_.push_back(which.channel_);
    }
    const bool waits = which.in_data_ && (!which.held_ || held_back(which));
    if (!waits && which.has_data()) {
        which.in_data_ = more = true;
        which.held_ = false;
        data_.push_back(which.channel_);
    }
    if (more) owner_.streams_have_output();
}

void stream_set::consumed(std::uint64_t count) {
    consumed_ += count;
    if (count > 0 && window_due()) owner_.streams_have_output();
}

void stream_set::look_at(stream_state& which) {
    const bool over = which.over();
    const bool open = !over && !which.broken_;
    const auto kept = which.shared_from_this();
    if (over) {
        which.set_ = nullptr;
        if (streams_.erase(which.channel_) > 0 && which.incoming_) --of_peer_;
        if (which.incoming_ && !which.opened()) forget_unopened(which.channel_);
    }
    if (open == which.counted_) return;
    which.counted_ = open;
    auto& of_side = which.incoming_ ? open_of_peer_ : open_of_own_;
    if (open) {
        ++of_side;
    } else {
        --of_side;
    }
    if (quiet()) owner_.streams_quiet();
}

// --- frames of the peer ----------------------------------------------------------------------------------------------

result<frame_fate> stream_set::take(const wire::frame& what, bool with_offsets) {
    if (failed_) return frame_fate::taken;
    if (what.kind == wire::frame_kind::session_window) {
        const auto limit = wire::read_number(what.payload);
        // One that came before, or was overtaken: those that wait go on waiting.
        if (limit <= sent_max_) return frame_fate::taken;
        sent_max_ = limit;
        for (const auto channel : std::exchange(held_, {})) {
            if (auto* const which = find(channel)) schedule(*which);
        }
        return frame_fate::taken;
    }
    if (what.kind == wire::frame_kind::stream_open) return take_open(what, with_offsets);
    bool full = false;
    auto found = find_for(what, with_offsets, full);
    if (!found) return failure(found.error());
    if (full) return refuse_frame();
    if (!*found) {
        owner_.count(stream_event::frame_ignored);
        return frame_fate::taken;
    }
    auto& which = **found;
    result<frame_fate> done = frame_fate::taken;
    switch (what.kind) {
        case wire::frame_kind::stream_data: done = take_data(which, what.payload, with_offsets); break;
        case wire::frame_kind::stream_end:
            if (const auto ended = take_end(which, wire::read_number(what.payload), with_offsets); !ended)
                return failure(ended.error());
            break;
        case wire::frame_kind::stream_reset:
            if (const auto broken = take_reset(which, what.payload); !broken) return failure(broken.error());
            break;
        case wire::frame_kind::stream_window:
            which.window_came(wire::read_number(what.payload));
            schedule(which);
            break;
        default: return failure(errc::protocol_violation);
    }
    if (done && which.set_ != nullptr) look_at(which);
    return done;
}

result<frame_fate> stream_set::refuse_frame() {
    owner_.count(stream_event::frame_refused);
    return frame_fate::refused;
}

result<frame_fate> stream_set::take_open(const wire::frame& what, bool with_offsets) {
    const auto opening = wire::read_stream_open(what.payload);
    if (is_ours(what.channel)) return failure(errc::protocol_violation);
    stream_ptr which;
    if (auto* const known = find(what.channel)) {
        if (!with_offsets) return failure(errc::protocol_violation);
        // Said twice, or overtaken by what the stream carries.
        if (known->opened()) return frame_fate::taken;
        which = known->shared_from_this();
        forget_unopened(what.channel);
    } else {
        const bool used = what.channel <= peer_highest_ && !was_skipped(what.channel);
        if (used && !with_offsets) return failure(errc::protocol_violation);
        if (used) return frame_fate::taken;
        if (with_offsets && channels_full(what.channel, false)) return refuse_frame();
        auto made = begin_incoming(what.channel, with_offsets);
        if (!made) return failure(made.error());
        which = std::move(*made);
    }
    which->service_ = std::string(opening.service);
    which->sending_.raise_limit(opening.window);
    // What has come whole before its opening is read like any other.
    if (!which->broken_ || !which->receiving_.discarding()) owner_.stream_opened(which);
    if (which->set_ != nullptr) look_at(*which);
    return frame_fate::taken;
}

result<stream_set::stream_ptr> stream_set::find_for(const wire::frame& what, bool with_offsets, bool& full) {
    if (auto* const known = find(what.channel)) return known->shared_from_this();
    const bool ours = is_ours(what.channel);
    if (ours && what.channel >= next_own_) return failure(errc::protocol_violation);
    if (!ours && (what.channel > peer_highest_ || was_skipped(what.channel))) {
        // Only datagrams overtake the one that opens the stream.
        if (!with_offsets) return failure(errc::protocol_violation);
        if (channels_full(what.channel, true)) {
            full = true;
            return stream_ptr();
        }
        auto made = begin_incoming(what.channel, with_offsets);
        if (made && !(*made)->broken_) unopened_.push_back(what.channel);
        return made;
    }
    // It is over. Its end was said, so no bytes can follow; a window or a reset may have crossed it.
    const bool bytes = what.kind == wire::frame_kind::stream_data || what.kind == wire::frame_kind::stream_end;
    if (bytes && !with_offsets) return failure(errc::protocol_violation);
    return stream_ptr();
}

bool stream_set::was_skipped(std::uint32_t channel) const {
    const auto after = skipped_.upper_bound(channel);
    return after != skipped_.begin() && std::prev(after)->second >= channel;
}

std::uint32_t stream_set::expected_channel() const noexcept {
    const std::uint32_t first = dialler_ ? 2 : 1;
    return peer_highest_ == 0 ? first : peer_highest_ + 2;
}

bool stream_set::channels_full(std::uint32_t channel, bool unopened) {
    if (channel > channel_max) return false;  // a violation, whatever room there is
    if (of_peer_ >= settings_.streams_max + unanswered_max) return true;
    if (unopened && unopened_.size() >= unopened_max) return true;
    if (!home_->account->has_room(stream_side_of::receiving, stream_state::bytes_each)) return true;
    if (skipped_.size() < skipped_max || channel == expected_channel()) return false;
    if (channel > peer_highest_) return true;
    // One more hole, where the channel lies amid one.
    const auto& [from, to] = *std::prev(skipped_.upper_bound(channel));
    return from < channel && channel < to;
}

void stream_set::note_channel(std::uint32_t channel) {
    if (channel > peer_highest_) {
        const auto expected = expected_channel();
        if (channel > expected) skipped_.emplace(expected, channel - 2);
        peer_highest_ = channel;
    } else {
        const auto at = std::prev(skipped_.upper_bound(channel));
        const auto [from, to] = *at;
        skipped_.erase(at);
        if (from < channel) skipped_.emplace(from, channel - 2);
        if (channel < to) skipped_.emplace(channel + 2, to);
    }
}

result<stream_set::stream_ptr> stream_set::begin_incoming(std::uint32_t channel, bool with_offsets) {
    if (channel > channel_max || of_peer_ >= settings_.streams_max + unanswered_max) {
        return failure(errc::protocol_violation);
    }
    // In order, channels may be left out.
    if (with_offsets) {
        note_channel(channel);
    } else {
        peer_highest_ = channel;
    }
    const bool room = home_->account->has_room(stream_side_of::receiving, stream_state::bytes_each);
    auto made = std::make_shared<stream_state>(*this, channel, std::string(), true);
    streams_.emplace(channel, made);
    ++of_peer_;
    const bool full = open_of_peer_ >= settings_.streams_max;
    look_at(*made);
    if (full || !room) {
        made->reset(
            static_cast<std::uint32_t>(full ? wire::stream_code::too_many_streams : wire::stream_code::no_room));
        owner_.count(stream_event::stream_refused);
    }
    return made;
}

bool stream_set::has_room_for(stream_state& which, std::uint64_t offset, std::size_t size) {
    const auto cost = which.receiving_.cost(offset, size);
    if (cost == 0) return true;
    if (which.incoming_ && !which.opened()) {
        std::size_t held = 0;
        for (const auto channel : unopened_) held += find(channel)->receiving_.memory();
        if (held + cost > unopened_bytes_max) return false;
    }
    if (offset > which.receiving_.next()) return home_->account->has_room_behind_gap(cost);
    return home_->account->has_room(stream_side_of::receiving, cost);
}

result<void> stream_set::received(stream_state& which, result<std::uint64_t> grown) {
    if (!grown) return failure(grown.error());
    received_ += *grown;
    if (received_ > received_max_) return failure(errc::protocol_violation);
    if (which.receiving_.discarding()) consumed(*grown);
    return {};
}

result<frame_fate> stream_set::take_data(stream_state& which, bytes_view payload, bool with_offsets) {
    auto offset = which.receiving_.next();
    if (with_offsets) {
        const auto given = wire::take_offset(payload);
        if (!given) return failure(errc::protocol_violation);
        offset = *given;
    } else if (which.receiving_.end_known()) {
        return failure(errc::protocol_violation);
    }
    if (which.receiving_.allows(offset, payload.size()) && !has_room_for(which, offset, payload.size())) {
        if (with_offsets) return refuse_frame();
        which.reset(static_cast<std::uint32_t>(wire::stream_code::no_room));
        owner_.count(stream_event::stream_dropped);
    }
    const auto done = received(which, which.receiving_.take(offset, payload));
    if (!done) return failure(done.error());
    which.count_memory();
    which.data_came();
    return frame_fate::taken;
}

result<void> stream_set::take_end(stream_state& which, std::uint64_t total, bool with_offsets) {
    const bool short_of = total != which.receiving_.next();
    if (!with_offsets && (which.receiving_.end_known() || short_of)) return failure(errc::protocol_violation);
    auto done = received(which, which.receiving_.end(total));
    if (done) which.end_came();
    return done;
}

result<void> stream_set::take_reset(stream_state& which, bytes_view payload) {
    const auto resetting = wire::read_stream_reset(payload);
    // Only an end says that all there is was meant to arrive.
    const bool whole = which.receiving_.complete();
    auto done = received(which, which.receiving_.end(resetting.total));
    if (done) which.reset_came(resetting.code, whole);
    return done;
}

// --- frames of this side ---------------------------------------------------------------------------------------------

bool stream_set::window_due() const noexcept {
    return !failed_ && (window_lost_ || received_max_ - consumed_ <= window_ / 2);
}

bool stream_set::held_back(const stream_state& which) const noexcept {
    const auto& sending = which.sending_;
    return sent_ >= sent_max_ && !sending.has_lost() && !sending.end_due();
}

void stream_set::drop_idle_turns() {
    while (!control_.empty()) {
        auto* const which = find(control_.front());
        if (which != nullptr && which->has_control()) break;
        if (which != nullptr) which->in_control_ = false;
        control_.pop_front();
    }
    while (!data_.empty()) {
        auto* const which = find(data_.front());
        if (which != nullptr && which->has_data()) {
            if (!held_back(*which)) break;
            which->held_ = true;
            held_.push_back(which->channel_);
        } else if (which != nullptr) {
            which->in_data_ = false;
        }
        data_.pop_front();
    }
}

bool stream_set::has_output() {
    if (window_due()) return true;
    drop_idle_turns();
    return !control_.empty() || !data_.empty();
}

std::optional<packet_piece> stream_set::write_next(bytes& out, std::size_t room, bool with_offsets) {
    drop_idle_turns();
    if (window_due() || !control_.empty()) return write_control(out, room);
    if (data_.empty()) return std::nullopt;
    auto& which = *find(data_.front());
    auto said = write_data_of(which, out, room, with_offsets);
    if (!said) return said;
    // The turn is over.
    data_.pop_front();
    which.in_data_ = which.has_data();
    if (which.in_data_) data_.push_back(which.channel_);
    return said;
}

namespace {

packet_piece say_number(bytes& out, wire::frame_kind kind, std::uint32_t channel, std::uint64_t number) {
    wire::append_number(out, kind, channel, number);
    packet_piece said;
    said.kind = kind;
    said.channel = channel;
    said.offset = number;
    return said;
}

}  // namespace

std::optional<packet_piece> stream_set::write_control(bytes& out, std::size_t room) {
    if (!window_due()) return write_control_of(*find(control_.front()), out, room);
    if (room < wire::number_frame_bytes) return std::nullopt;
    window_lost_ = false;
    if (received_max_ - consumed_ <= window_ / 2) {
        if (home_->account->at_ease()) {
            window_ = std::min(window_ * 2, std::max<std::uint64_t>(window_, settings_.session_window_bytes));
        }
        received_max_ = std::max(received_max_, consumed_ + window_);
    }
    return say_number(out, wire::frame_kind::session_window, wire::control_channel, received_max_);
}

std::optional<packet_piece> stream_set::write_control_of(stream_state& which, bytes& out, std::size_t room) {
    packet_piece said;
    said.channel = which.channel_;
    if (which.open_due_) {
        wire::stream_opening opening;
        opening.window = which.receiving_.window();
        opening.service = which.service_;
        if (room < wire::open_frame_bytes(opening.service)) return std::nullopt;
        wire::append_stream_open(out, which.channel_, opening);
        said.kind = wire::frame_kind::stream_open;
        which.open_due_ = false;
        schedule(which);
        return said;
    }
    if (which.reset_ == stream_state::reset_phase::due) {
        if (room < wire::reset_frame_bytes) return std::nullopt;
        wire::stream_resetting resetting;
        resetting.code = which.reset_code_;
        resetting.total = which.sending_.total();
        wire::append_stream_reset(out, which.channel_, resetting);
        said.kind = wire::frame_kind::stream_reset;
        which.reset_ = stream_state::reset_phase::said;
        return said;
    }
    if (room < wire::number_frame_bytes) return std::nullopt;
    which.window_due_ = false;
    return say_number(out, wire::frame_kind::stream_window, which.channel_,
                      which.receiving_.next_window(home_->account->at_ease()));
}

std::optional<packet_piece> stream_set::write_data_of(stream_state& which, bytes& out, std::size_t room,
                                                      bool with_offsets) {
    auto& sending = which.sending_;
    const std::size_t head = wire::frame_header_bytes + (with_offsets ? wire::offset_bytes : 0);
    const auto size_max = std::min(room - std::min(room, head), wire::stream_frame_bytes);
    const bool bytes_due = sending.has_lost() || (sending.has_fresh() && sent_ < sent_max_);
    if (!bytes_due) {
        if (room < wire::number_frame_bytes) return std::nullopt;
        sending.end_said();
        return say_number(out, wire::frame_kind::stream_end, which.channel_, sending.total());
    }
    const auto range = sending.next(size_max, sent_max_ - std::min(sent_, sent_max_));
    if (!range) return std::nullopt;
    packet_piece said;
    said.kind = wire::frame_kind::stream_data;
    said.channel = which.channel_;
    said.offset = range->begin;
    said.size = static_cast<std::uint32_t>(range->end - range->begin);
    const auto place = with_offsets ? wire::begin_data_at(out, which.channel_, said.offset)
                                    : wire::begin_frame(out, said.kind, which.channel_);
    sending.copy(*range, out);
    (void)wire::end_frame(out, place);  // a frame is short
    sent_ += sending.said(*range);
    return said;
}

void stream_set::acknowledged(const packet_piece& piece) {
    auto* const which = find(piece.channel);
    if (which == nullptr) return;
    which->acknowledged(piece);
    look_at(*which);
}

void stream_set::lost(const packet_piece& piece) {
    if (piece.kind == wire::frame_kind::session_window) {
        window_lost_ = window_lost_ || piece.offset == received_max_;
        if (window_lost_) owner_.streams_have_output();
        return;
    }
    auto* const which = find(piece.channel);
    if (which == nullptr) return;
    which->lost(piece);
    schedule(*which);
}

}  // namespace mydht::detail
