#include "transport/memory_datagrams.hpp"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include <mydht/runtime/wait_queue.hpp>

namespace mydht::detail {

namespace {

/// The most packets of one send and of one receive.
constexpr std::size_t batch_packets = 16;

struct letter {
    letter(address from_, bytes data_, bool refused_) : from(from_), data(std::move(data_)), refused(refused_) {}

    address from;
    bytes data;
    bool refused;
};

struct mailbox {
    address name;
    std::deque<letter> letters;
    wait_queue arrived;
    bool closed = false;

    void put(std::size_t room, letter l) {
        if (letters.size() >= room) return;
        letters.push_back(std::move(l));
        arrived.notify_all();
    }
};

using mailbox_ptr = std::shared_ptr<mailbox>;

}  // namespace

struct memory_mail {
    memory_mail(std::size_t packet_bytes_max_, std::size_t queue_packets_)
        : packet_bytes_max(packet_bytes_max_), queue_packets(queue_packets_) {}

    std::size_t packet_bytes_max;
    std::size_t queue_packets;
    std::map<address, mailbox_ptr> boxes;
    std::uint64_t names = 0;

    /// A name that was not given out before.
    [[nodiscard]] result<address> fresh(std::string_view prefix) {
        for (;;) {
            const auto made = address::memory(std::string(prefix) + std::to_string(++names));
            if (!made || !boxes.contains(*made)) return made;
        }
    }
};

namespace {

using mail_ptr = std::shared_ptr<memory_mail>;

/// Moves the first packet out, and those behind it that can lie in one batch with it.
datagrams take_batch(std::deque<letter>& letters, bytes_span into) {
    datagrams out;
    out.from = letters.front().from;
    out.packet_bytes = letters.front().data.size();
    std::size_t last = out.packet_bytes;
    do {
        const auto& data = letters.front().data;
        std::copy(data.begin(), data.end(), into.begin() + static_cast<std::ptrdiff_t>(out.bytes));
        last = data.size();
        out.bytes += last;
        letters.pop_front();
        // Only the last one of a batch may be shorter, and nothing tells empty ones apart.
    } while (!letters.empty() && last == out.packet_bytes && last > 0 && !letters.front().refused &&
             letters.front().from == out.from && !letters.front().data.empty() && letters.front().data.size() <= last &&
             letters.front().data.size() <= into.size() - out.bytes);
    return out;
}

task<result<void>> wait_readable(mailbox_ptr box) {
    assert(box->arrived.empty());
    while (!box->closed && box->letters.empty()) co_await box->arrived.wait();
    if (box->closed) co_return failure(errc::closed);
    co_return result<void>();
}

/// There is always room: what does not fit into the other side's queue is lost.
task<result<void>> wait_writable(mailbox_ptr box) {
    if (box->closed) co_return failure(errc::closed);
    co_return result<void>();
}

class memory_socket {
public:
    memory_socket(mail_ptr mail, mailbox_ptr box) : mail_(std::move(mail)), box_(std::move(box)) {}

    result<std::optional<datagrams>> receive(bytes_span into) {
        if (box_->closed) return failure(errc::closed);
        auto& letters = box_->letters;
        while (!letters.empty() && letters.front().data.size() > into.size()) letters.pop_front();
        if (letters.empty()) return std::optional<datagrams>();
        if (!letters.front().refused) return std::optional<datagrams>(take_batch(letters, into));
        datagrams out;
        out.from = letters.front().from;
        out.refused = true;
        letters.pop_front();
        return std::optional<datagrams>(out);
    }

    result<bool> send(const address& to, bytes_view data, std::size_t packet_bytes) {
        if (box_->closed) return failure(errc::closed);
        if (to.kind() != address_kind::memory) return failure(errc::unsupported_address);
        if (data.empty() || packet_bytes == 0) return failure(errc::bad_argument);
        if (data.size() > batch_bytes_max() || std::min(packet_bytes, data.size()) > packet_bytes_max()) {
            return failure(errc::too_large);
        }
        const auto found = mail_->boxes.find(to);
        if (found == mail_->boxes.end()) {
            box_->put(mail_->queue_packets, letter(to, {}, true));
            return true;
        }
        for (; !data.empty(); data = data.subspan(std::min(packet_bytes, data.size()))) {
            const auto packet = data.first(std::min(packet_bytes, data.size()));
            found->second->put(mail_->queue_packets, letter(box_->name, bytes(packet.begin(), packet.end()), false));
        }
        return true;
    }

    task<result<void>> wait_readable() { return detail::wait_readable(box_); }
    task<result<void>> wait_writable() { return detail::wait_writable(box_); }
    [[nodiscard]] address local() const { return box_->name; }
    [[nodiscard]] std::size_t packet_bytes_max() const { return mail_->packet_bytes_max; }
    [[nodiscard]] std::size_t batch_bytes_max() const { return batch_packets * mail_->packet_bytes_max; }

    void close() {
        if (box_->closed) return;
        box_->closed = true;
        mail_->boxes.erase(box_->name);
        box_->letters.clear();
        box_->arrived.notify_all();
    }

private:
    mail_ptr mail_;
    mailbox_ptr box_;
};

task<result<any_datagram_socket>> open(mail_ptr mail, address at) {
    if (at.kind() != address_kind::memory) co_return failure(errc::unsupported_address);
    const auto name = as_text(at.data());
    if (name.ends_with('*')) {
        const auto chosen = mail->fresh(name.substr(0, name.size() - 1));
        if (!chosen) co_return failure(errc::address_not_available);
        at = *chosen;
    }
    if (mail->boxes.contains(at)) co_return failure(errc::address_in_use);
    auto box = std::make_shared<mailbox>();
    box->name = at;
    mail->boxes.emplace(at, box);
    co_return any_datagram_socket(memory_socket(std::move(mail), std::move(box)));
}

class memory_datagram_transport {
public:
    explicit memory_datagram_transport(mail_ptr mail) : mail_(std::move(mail)) {}

    [[nodiscard]] address_kind kind() const { return address_kind::memory; }
    [[nodiscard]] address anywhere(const address&) const { return address::memory("~*").value(); }
    task<result<any_datagram_socket>> open(address at) { return detail::open(mail_, at); }

private:
    mail_ptr mail_;
};

}  // namespace

std::shared_ptr<memory_mail> make_memory_mail(std::size_t packet_bytes_max, std::size_t queue_packets) {
    return std::make_shared<memory_mail>(packet_bytes_max, queue_packets);
}

any_datagram_transport make_memory_datagrams(std::shared_ptr<memory_mail> mail) {
    return any_datagram_transport(memory_datagram_transport(std::move(mail)));
}

}  // namespace mydht::detail
