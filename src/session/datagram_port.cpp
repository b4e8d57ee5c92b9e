#include "session/datagram_port.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace mydht::detail {

namespace {

/// Receives before the answers of what came have their turn.
constexpr int burst = 64;
/// While packets come alone, so many of them are taken for each look whether there are more.
constexpr unsigned lonely_looks = 16;
/// Until a broken socket is first opened again; doubles.
constexpr duration reopen_pause = std::chrono::seconds(1);
constexpr duration reopen_pause_max = std::chrono::seconds(60);
/// Between looks for an address that is away.
constexpr duration away_pause = std::chrono::seconds(2);

}  // namespace

datagram_port::datagram_port(std::shared_ptr<session_context> context, any_datagram_transport with,
                             any_datagram_socket socket, after_failure then)
    : context_(std::move(context)), transport_(std::move(with)), at_(socket.local()), then_(then) {
    use(std::move(socket));
}

void datagram_port::use(any_datagram_socket socket) {
    packet_bytes_max_ = socket.packet_bytes_max();
    batch_bytes_max_ = socket.batch_bytes_max();
    socket_ = std::make_shared<any_datagram_socket>(std::move(socket));
}

void datagram_port::start(packet_sink& sink) {
    sink_ = &sink;
    context_->group.spawn("datagrams", run(shared_from_this()));
    begin_watch(false);
}

void datagram_port::close() {
    closed_ = true;
    works_ = false;
    sink_ = nullptr;
    socket_->close();
    closing_.notify_all();
    watching_.notify_all();
}

task<> datagram_port::run(std::shared_ptr<datagram_port> self) {
    while (!self->closed_) {
        const auto why = co_await receive(self);
        if (self->closed_) co_return;
        self->lose(why);
        if (self->then_ == after_failure::stop) co_return;
        co_await reopen(self);
    }
}

task<std::error_code> datagram_port::receive(std::shared_ptr<datagram_port> self) {
    const auto socket = self->socket_;
    bytes buffer(socket->batch_bytes_max());
    // Asking for more than is there costs a call of the system. While packets come alone it is tried now and then only.
    unsigned lonely = 0;
    while (!self->closed_) {
        const auto ready = co_await socket->wait_readable();
        if (!ready) co_return ready.error();
        const int most = lonely % lonely_looks != 0 ? 1 : burst;
        const auto count = self->take_burst(*socket, buffer, most);
        if (self->sink_ != nullptr) self->sink_->turn_ended();
        if (!count) co_return count.error();
        lonely = *count > 1 ? 0 : lonely + 1;
    }
    co_return make_error_code(errc::closed);
}

void datagram_port::begin_watch(bool was_watched) {
    // One that is not among the machine's own, and where a socket could be opened all the same, is not known here.
    if (!was_watched && transport_.has_address(at_) != true) return;
    watch_.emplace(context_->env.time->now());
    context_->group.spawn("address of datagrams", watch(shared_from_this()));
}

task<> datagram_port::watch(std::shared_ptr<datagram_port> self) {
    auto& time = *self->context_->env.time;
    const auto socket = self->socket_;
    for (;;) {
        co_await self->watching_.wait_until(time, self->watch_->next());
        if (!self->works_ || self->socket_ != socket) co_return;
        const auto now = time.now();
        if (now < self->watch_->next()) continue;
        if (self->watch_->looked(self->transport_.has_address(self->at_), now)) break;
    }
    // The loop that reads is told by this, and does the rest.
    self->away_since_ = self->watch_->away_since();
    socket->close();
}

void datagram_port::send_failed() {
    if (watch_ && watch_->send_failed(context_->env.time->now())) watching_.notify_all();
}

void datagram_port::lose(std::error_code why) {
    works_ = false;
    socket_->close();
    watching_.notify_all();
    const auto away_since = std::exchange(away_since_, std::nullopt);
    if (away_since) why = make_error_code(errc::address_not_available);
    ++context_->counters.sockets_lost;
    context_->log(log_level::warning, at_.text() + " cannot be used any more: " + why.message());
    const auto self = shared_from_this();
    sink_->port_lost(self, away_since.value_or(context_->env.time->now()), why);
}

task<> datagram_port::address_comes(std::shared_ptr<datagram_port> self) {
    auto& time = *self->context_->env.time;
    while (!self->closed_ && self->transport_.has_address(self->at_) == false) {
        co_await self->closing_.wait_until(time, time.now() + away_pause);
    }
}

task<> datagram_port::reopen(std::shared_ptr<datagram_port> self) {
    auto& time = *self->context_->env.time;
    const bool was_watched = std::exchange(self->watch_, std::nullopt).has_value();
    for (auto pause = reopen_pause;; pause = std::min(2 * pause, reopen_pause_max)) {
        co_await self->closing_.wait_until(time, time.now() + pause);
        if (was_watched) co_await address_comes(self);
        if (self->closed_) co_return;
        auto opened = co_await self->transport_.open(self->at_);
        if (self->closed_) co_return;
        if (!opened) {
            self->context_->log(log_level::debug, self->at_.text() + " cannot be opened: " + opened.error().message());
            continue;
        }
        self->use(std::move(*opened));
        self->works_ = true;
        ++self->context_->counters.sockets_reopened;
        self->context_->log(log_level::info, self->at_.text() + " works again");
        self->begin_watch(was_watched);
        self->sink_->port_back(self);
        co_return;
    }
}

result<int> datagram_port::take_burst(any_datagram_socket& from, bytes_span buffer, int most) {
    for (int count = 0; !closed_; ++count) {
        if (count == most) return most;
        const auto got = from.receive(buffer);
        if (!got) return failure(got.error());
        if (!*got) return count;
        hand_over(**got, buffer);
    }
    return failure(errc::closed);
}

void datagram_port::hand_over(const datagrams& what, bytes_span buffer) {
    if (what.refused) return sink_->refused(what.from);
    context_->counters.bytes_received += what.bytes;
    auto rest = buffer.first(what.bytes);
    do {
        const auto packet = rest.first(std::min(rest.size(), std::max<std::size_t>(what.packet_bytes, 1)));
        sink_->take_packet(shared_from_this(), what.from, packet);
        rest = rest.subspan(packet.size());
    } while (!rest.empty() && sink_ != nullptr);
    if (sink_ != nullptr) sink_->batch_ended();
}

bool datagram_port::send(const address& to, bytes_view data, std::size_t packet_bytes) {
    if (!works_) return true;
    const auto sent = socket_->send(to, data, packet_bytes);
    if (!sent) {
        // Packets may be lost: whoever waits for an answer notices. What a system refuses for good, it refuses every
        // time.
        if (sent.error() == errc::unreachable || sent.error() == errc::network_failed) send_failed();
        context_->log_of_peers(log_level::debug, [&] { return "to " + to.text() + ": " + sent.error().message(); });
        return true;
    }
    if (*sent) context_->counters.bytes_sent += data.size();
    return *sent;
}

void datagram_port::tell_when_writable(std::weak_ptr<packet_source> who) {
    waiting_.push_back(std::move(who));
    if (std::exchange(waits_for_room_, true)) return;
    context_->group.spawn("room for datagrams", wait_for_room(shared_from_this()));
}

task<> datagram_port::wait_for_room(std::shared_ptr<datagram_port> self) {
    const auto socket = self->socket_;
    (void)co_await socket->wait_writable();
    self->waits_for_room_ = false;
    const auto told = std::exchange(self->waiting_, {});
    if (self->closed_) co_return;
    // Also when the socket broke meanwhile: then they may have another one.
    for (const auto& each : told) {
        if (const auto who = each.lock()) who->writable();
    }
}

}  // namespace mydht::detail
