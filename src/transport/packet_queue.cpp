#include <mydht/transport/packet_queue.hpp>

#include <algorithm>
#include <utility>

namespace mydht {

bool packet_queue::put(const address& from, bytes packet) {
    if (entries_.size() >= packets_max_) return false;
    entries_.emplace_back(from, std::move(packet), false);
    return true;
}

bool packet_queue::put_refused(const address& whom) {
    if (entries_.size() >= packets_max_) return false;
    entries_.emplace_back(whom, bytes(), true);
    return true;
}

/// True when the next packet belongs behind the batch: only the last one of a batch may be shorter, and none may be
/// empty.
bool packet_queue::goes_on(const datagrams& batch, std::size_t room) const noexcept {
    if (entries_.empty() || batch.packet_bytes == 0 || batch.bytes % batch.packet_bytes != 0) return false;
    const auto& next = entries_.front();
    const auto size = next.packet.size();
    return !next.refused && next.from == batch.from && size > 0 && size <= batch.packet_bytes && size <= room;
}

std::optional<datagrams> packet_queue::take(bytes_span into) {
    while (!entries_.empty() && entries_.front().packet.size() > into.size()) entries_.pop_front();
    if (entries_.empty()) return std::nullopt;
    datagrams out;
    out.from = entries_.front().from;
    out.refused = entries_.front().refused;
    out.packet_bytes = entries_.front().packet.size();
    do {
        const auto& packet = entries_.front().packet;
        std::ranges::copy(packet, into.subspan(out.bytes).begin());
        out.bytes += packet.size();
        entries_.pop_front();
    } while (!out.refused && goes_on(out, into.size() - out.bytes));
    return out;
}

}  // namespace mydht
