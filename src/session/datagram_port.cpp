#include "session/datagram_port.hpp"

#include <algorithm>
#include <utility>

namespace mydht::detail {

namespace {

/// Receives before the answers of what came have their turn.
constexpr int burst = 64;
/// While packets come alone, so many of them are taken for each look whether there are more.
constexpr unsigned lonely_looks = 16;

}  // namespace

datagram_port::datagram_port(std::shared_ptr<session_context> context, any_datagram_socket socket)
    : context_(std::move(context)), socket_(std::move(socket)) {}

void datagram_port::start(packet_sink& sink) {
    sink_ = &sink;
    context_->group.spawn("datagrams", receive_loop(shared_from_this()));
}

void datagram_port::close() {
    closed_ = true;
    sink_ = nullptr;
    socket_.close();
}

task<> datagram_port::receive_loop(std::shared_ptr<datagram_port> self) {
    bytes buffer(self->socket_.batch_bytes_max());
    // Asking for more than is there costs a call of the system. While packets come alone it is tried now and then only.
    unsigned lonely = 0;
    while (!self->closed_) {
        const auto ready = co_await self->socket_.wait_readable();
        if (!ready || self->closed_) co_return;
        const int most = lonely % lonely_looks != 0 ? 1 : burst;
        const auto count = self->take_burst(buffer, most);
        if (self->sink_ != nullptr) self->sink_->turn_ended();
        if (!count) co_return;
        lonely = *count > 1 ? 0 : lonely + 1;
    }
}

std::optional<int> datagram_port::take_burst(bytes_span buffer, int most) {
    for (int count = 0; !closed_; ++count) {
        if (count == most) return most;
        const auto got = socket_.receive(buffer);
        if (!got && got.error() != errc::closed) {
            context_->log(log_level::error, local().text() + ": " + got.error().message());
        }
        if (!got) return std::nullopt;
        if (!*got) return count;
        hand_over(**got, buffer);
    }
    return std::nullopt;
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
    const auto sent = socket_.send(to, data, packet_bytes);
    if (!sent) {
        // Packets may be lost: whoever waits for an answer notices. What a system refuses for good, it refuses every time.
        context_->log(log_level::debug, "to " + to.text() + ": " + sent.error().message());
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
    const auto room = co_await self->socket_.wait_writable();
    self->waits_for_room_ = false;
    const auto told = std::exchange(self->waiting_, {});
    if (!room) co_return;
    for (const auto& each : told) {
        if (const auto who = each.lock()) who->writable();
    }
}

}  // namespace mydht::detail
