#include "session/loss_recovery.hpp"

#include <algorithm>
#include <cassert>

namespace mydht::detail {

namespace {

/// RFC 9002, 6.1.1 and 6.1.2. On a path that has delivered late only the time counts, and it grows (as in RFC 8985,
/// 6.2).
constexpr std::uint64_t packet_threshold = 3;
constexpr std::uint8_t time_threshold_first = 9;
constexpr std::uint8_t time_threshold_step = 2;
constexpr std::uint8_t time_threshold_last = 16;

/// RFC 9002, 6.2.4.
constexpr std::uint8_t probes_per_timeout = 2;
constexpr unsigned backoff_max = 6;
/// Probes are no further apart than this, or the first timeout where that is longer: a session is given up after so
/// short a time (stall_timeout) that few would fit it otherwise, and on a bad path all of them might be lost.
constexpr duration probe_pause_max = std::chrono::seconds(2);
/// RFC 9002, 7.6.1.
constexpr int persistent_timeouts = 3;
/// Lost packets are remembered for so many probe timeouts, and at most so many of them.
constexpr int late_timeouts = 3;
constexpr std::size_t late_packets_max = 256;

constexpr std::size_t packets_max = 32 * 1024;
constexpr std::size_t pieces_max = 2 * packets_max;

/// Of so many numbers one is left out, at an unpredictable place.
constexpr std::uint64_t skip_distance_min = 128;
constexpr std::uint64_t skip_distance_spread = 1024;
constexpr std::uint64_t no_number = std::numeric_limits<std::uint64_t>::max();

/// SplitMix64 (Steele, Lea and Flood 2014).
std::uint64_t mix(std::uint64_t& state) noexcept {
    state += 0x9e3779b97f4a7c15;
    auto z = state;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111eb;
    return z ^ (z >> 31U);
}

/// The place of the first packet with at least this number.
template <typename Packet>
std::size_t first_from(const ring<Packet>& packets, std::uint64_t number) noexcept {
    std::size_t begin = 0;
    for (auto count = packets.size(); count > 0;) {
        const auto half = count / 2;
        if (packets[begin + half].number < number) {
            begin += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return begin;
}

}  // namespace

void recovery_outcome::clear() noexcept {
    acknowledged.clear();
    lost.clear();
    probe_acknowledged = 0;
    probe_lost = 0;
    large_acknowledged = false;
    large_lost = 0;
}

std::uint32_t loss_recovery::piece_queue::push(std::span<const packet_piece> all) {
    const auto at = begin + static_cast<std::uint32_t>(pieces.size());
    for (const auto& piece : all) pieces.push_back(piece);
    return at;
}

void loss_recovery::piece_queue::append_to(std::vector<packet_piece>& out, std::uint32_t at, std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i) out.push_back(pieces[at - begin + i]);
}

void loss_recovery::piece_queue::pop(std::size_t count) noexcept {
    pieces.pop_front(count);
    begin += static_cast<std::uint32_t>(count);
}

loss_recovery::loss_recovery(std::size_t packet_bytes, std::uint64_t random, std::uint64_t first) noexcept
    : next_(first), random_(random), congestion_(packet_bytes), time_threshold_(time_threshold_first) {
    skipped_.fill(no_number);
    skip_at_ = first + skip_distance_min + mix(random_) % skip_distance_spread;
}

void loss_recovery::on_sent(std::size_t bytes, packet_purpose purpose, std::span<const packet_piece> pieces,
                            steady_time now) {
    assert(bytes <= std::numeric_limits<std::uint16_t>::max() && pieces.size() <= bytes);
    const auto number = next_++;
    skip_numbers();
    if (purpose == packet_purpose::untracked) return;
    const auto at = sent_pieces_.push(pieces);
    sent_.push_back({.number = number,
                     .at = now,
                     .pieces_at = at,
                     .bytes = static_cast<std::uint16_t>(bytes),
                     .pieces = static_cast<std::uint16_t>(pieces.size()),
                     .path_probe = purpose == packet_purpose::path_probe});
    ++under_way_;
    congestion_.sent(bytes);
    if (rtt_.measured()) pacer_.sent(bytes, pacing_window(), rtt_.smoothed(), now);
    last_sent_at_ = now;
    if (probes_ > 0) --probes_;
}

void loss_recovery::skip_numbers() noexcept {
    if (next_ < skip_at_) return;
    std::rotate(skipped_.begin(), skipped_.end() - 1, skipped_.end());
    skipped_.front() = next_++;
    skip_at_ = next_ + skip_distance_min + mix(random_) % skip_distance_spread;
}

bool loss_recovery::claims_unsent(const wire::ack& ack) const noexcept {
    if (ack.largest() >= next_) return true;
    for (const auto number : skipped_) {
        for (std::size_t i = 0; i < ack.count; ++i) {
            if (number >= ack.ranges[i].first && number <= ack.ranges[i].last) return true;
        }
    }
    return false;
}

result<void> loss_recovery::on_ack(const wire::ack& ack, steady_time now, recovery_outcome& out) {
    if (claims_unsent(ack)) return failure(errc::protocol_violation);
    const auto limited = congestion_.limiting() && !queue_.tries();
    std::optional<steady_time> newest_at;
    if (const auto* newest = find(ack.largest()); newest != nullptr && !newest->acknowledged && on_this_path(*newest)) {
        newest_at = newest->at;
    }
    bool news = false;
    bool late = false;
    for (std::size_t i = 0; i < ack.count; ++i) {
        if (take_range(ack.ranges[i], limited, out)) news = true;
        if (take_late(ack.ranges[i], out)) late = true;
    }
    if (newest_at) {
        rtt_.sample(now - *newest_at, std::chrono::microseconds(ack.delay_us), now);
        watch_queue(now - *newest_at, ack.largest(), now);
    }
    if (late) {
        reorders_ = true;
        time_threshold_ = std::min<std::uint8_t>(time_threshold_ + time_threshold_step, time_threshold_last);
        run_from_.reset();
    }
    if (!news && !late) return {};
    largest_acknowledged_ = std::max(largest_acknowledged_, ack.largest());
    timeouts_ = 0;
    probes_ = 0;
    detect_lost(now, out);
    return {};
}

void loss_recovery::watch_queue(duration round_trip, std::uint64_t number, steady_time now) noexcept {
    const auto window = queue_.take({.round_trip = round_trip,
                                     .number = number,
                                     .next = next_,
                                     .in_flight = congestion_.in_flight(),
                                     .window = congestion_.window(),
                                     .packet_bytes = congestion_.packet_bytes(),
                                     .slow_start = congestion_.slow_start(),
                                     .now = now});
    if (window) congestion_.set_window(*window);
}

const loss_recovery::sent_packet* loss_recovery::find(std::uint64_t number) const noexcept {
    const auto index = first_from(sent_, number);
    return index < sent_.size() && sent_[index].number == number ? &sent_[index] : nullptr;
}

bool loss_recovery::take_range(const wire::packet_range& range, bool limited, recovery_outcome& out) {
    if (sent_.empty() || range.last < sent_.front().number) return false;
    bool news = false;
    for (auto i = first_from(sent_, range.first); i < sent_.size() && sent_[i].number <= range.last; ++i) {
        if (sent_[i].acknowledged) continue;
        acknowledge(sent_[i], limited, out);
        news = true;
    }
    return news;
}

void loss_recovery::acknowledge(sent_packet& packet, bool limited, recovery_outcome& out) {
    packet.acknowledged = true;
    --under_way_;
    sent_pieces_.append_to(out.acknowledged, packet.pieces_at, packet.pieces);
    if (!on_this_path(packet)) return;
    congestion_.acknowledged(packet.bytes, packet.at, limited);
    if (packet.bytes > base_packet_bytes) out.large_acknowledged = true;
    if (packet.path_probe) out.probe_acknowledged = packet.bytes;
}

/// Packets that were given up and came all the same.
bool loss_recovery::take_late(const wire::packet_range& range, recovery_outcome& out) {
    bool late = false;
    for (auto i = first_from(lost_, range.first); i < lost_.size() && lost_[i].number <= range.last; ++i) {
        auto& packet = lost_[i];
        if (packet.came) continue;
        packet.came = true;
        late = true;
        lost_pieces_.append_to(out.acknowledged, packet.pieces_at, packet.pieces);
        if (packet.event == event_ && --event_lost_ == 0) congestion_.undo();
    }
    return late;
}

/// RFC 9002, 6.1. Packets are lost in the order in which they were sent, so only the front needs a look.
void loss_recovery::detect_lost(steady_time now, recovery_outcome& out) {
    loss_at_.reset();
    const auto delay = rtt_.loss_delay(time_threshold_);
    bool persistent = false;
    for (; !sent_.empty(); pop_sent()) {
        const auto& packet = sent_.front();
        if (packet.acknowledged) {
            run_from_.reset();
            continue;
        }
        if (packet.number >= largest_acknowledged_) break;
        const auto lost_at = packet.at + delay;
        const bool overtaken = !reorders_ && largest_acknowledged_ - packet.number >= packet_threshold;
        if (!overtaken && lost_at > now) {
            loss_at_ = lost_at;
            break;
        }
        if (lose(packet, now, out)) persistent = true;
    }
    if (persistent) {
        congestion_.collapse();
        rtt_.restart_least();
        queue_ = queue_watch();
        run_from_.reset();
        begin_event();
    }
    forget_lost(now);
}

/// True when nothing has come through for so long that the path must have changed (RFC 9002, 7.6).
bool loss_recovery::lose(const sent_packet& packet, steady_time now, recovery_outcome& out) {
    --under_way_;
    if (!packet.told_lost) sent_pieces_.append_to(out.lost, packet.pieces_at, packet.pieces);
    if (!on_this_path(packet)) return false;
    congestion_.left(packet.bytes);
    if (packet.path_probe) {
        out.probe_lost = packet.bytes;
        return false;
    }
    if (packet.bytes > base_packet_bytes) ++out.large_lost;
    if (congestion_.lost(packet.at, now)) begin_event();
    ++event_lost_;
    remember_lost(packet);
    if (packet.at <= rtt_.first_at()) return false;
    if (!run_from_) run_from_ = packet.at;
    return packet.at - *run_from_ > persistent_timeouts * rtt_.probe_timeout();
}

void loss_recovery::begin_event() noexcept {
    ++event_;
    event_lost_ = 0;
}

void loss_recovery::remember_lost(const sent_packet& packet) {
    if (lost_.size() == late_packets_max) pop_lost();
    for (std::uint32_t i = 0; i < packet.pieces; ++i) {
        lost_pieces_.pieces.push_back(sent_pieces_.pieces[packet.pieces_at + i - sent_pieces_.begin]);
    }
    const auto end = lost_pieces_.begin + static_cast<std::uint32_t>(lost_pieces_.pieces.size());
    lost_.push_back({.number = packet.number,
                     .at = packet.at,
                     .event = event_,
                     .pieces_at = end - packet.pieces,
                     .pieces = packet.pieces});
}

void loss_recovery::forget_lost(steady_time now) noexcept {
    const auto since = now - late_timeouts * rtt_.probe_timeout();
    while (!lost_.empty() && (lost_.front().came || lost_.front().at < since)) pop_lost();
}

void loss_recovery::pop_sent() noexcept {
    sent_pieces_.pop(sent_.front().pieces);
    sent_.pop_front();
}

void loss_recovery::pop_lost() noexcept {
    lost_pieces_.pop(lost_.front().pieces);
    lost_.pop_front();
}

steady_time loss_recovery::probe_at() const noexcept {
    const auto first = rtt_.probe_timeout();
    const auto grown = first * (1U << std::min<unsigned>(timeouts_, backoff_max));
    return last_sent_at_ + std::max(first, std::min<duration>(grown, probe_pause_max));
}

std::optional<steady_time> loss_recovery::next_timer() const noexcept {
    if (loss_at_) return loss_at_;
    if (under_way_ == 0) return std::nullopt;
    return probe_at();
}

void loss_recovery::on_timer(steady_time now, recovery_outcome& out) {
    if (loss_at_) {
        if (now >= *loss_at_) detect_lost(now, out);
        return;
    }
    if (under_way_ == 0 || now < probe_at()) return;
    if (timeouts_ < std::numeric_limits<std::uint8_t>::max()) ++timeouts_;
    probes_ = probes_per_timeout;
    ask_again(out);
}

/// What probes carry best is what was sent longest ago.
void loss_recovery::ask_again(recovery_outcome& out) {
    auto left = probes_per_timeout;
    for (std::size_t i = 0; i < sent_.size() && left > 0; ++i) {
        auto& packet = sent_[i];
        if (packet.acknowledged || packet.told_lost || packet.path_probe) continue;
        packet.told_lost = true;
        sent_pieces_.append_to(out.lost, packet.pieces_at, packet.pieces);
        --left;
    }
}

bool loss_recovery::can_send(std::size_t bytes) const noexcept {
    if (sent_.size() >= packets_max || sent_pieces_.pieces.size() >= pieces_max) return false;
    if (probes_ > 0) return true;
    return congestion_.has_room(bytes) && congestion_.in_flight() + bytes <= queue_bound();
}

/// It was made of packets as they were when it began; they may have grown since.
std::size_t loss_recovery::queue_bound() const noexcept {
    return std::max(queue_.bound(), 2 * congestion_.packet_bytes());
}

steady_time loss_recovery::next_send_time() const noexcept {
    if (probes_ > 0 || !rtt_.measured()) return steady_time{};
    return pacer_.next(congestion_.packet_bytes(), pacing_window(), rtt_.smoothed());
}

/// A little more than the window a round trip, so that the pace alone never leaves it unused (RFC 9002, 7.7).
std::size_t loss_recovery::pacing_window() const noexcept {
    const auto window = std::min(congestion_.window(), queue_bound());
    return congestion_.slow_start() ? 2 * window : window + window / 4;
}

void loss_recovery::path_changed() noexcept {
    path_from_ = next_;
    rtt_ = rtt_estimator();
    congestion_ = congestion(base_packet_bytes);
    pacer_.reset();
    queue_ = queue_watch();
    reorders_ = false;
    time_threshold_ = time_threshold_first;
    timeouts_ = 0;
    probes_ = 0;
    run_from_.reset();
    begin_event();
}

void loss_recovery::release() noexcept {
    if (!sent_.empty()) return;
    sent_.release();
    sent_pieces_.pieces.release();
    lost_.release();
    lost_pieces_.pieces.release();
}

std::size_t loss_recovery::memory() const noexcept {
    return sent_.memory() + sent_pieces_.pieces.memory() + lost_.memory() + lost_pieces_.pieces.memory();
}

}  // namespace mydht::detail
