#include "transport/memory_datagrams.hpp"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include <mydht/runtime/wait_queue.hpp>
#include <mydht/transport/packet_queue.hpp>

namespace mydht::detail {

namespace {

/// The most packets of one send and of one receive.
constexpr std::size_t batch_packets = 16;

struct mailbox {
    mailbox(address name_, std::size_t packets_max) : name(name_), packets(packets_max) {}

    address name;
    packet_queue packets;
    wait_queue arrived;
    bool closed = false;
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

task<result<void>> wait_readable(mailbox_ptr box) {
    assert(box->arrived.empty());
    while (!box->closed && box->packets.empty()) co_await box->arrived.wait();
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
        return box_->packets.take(into);
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
            box_->packets.put_refused(to);
            box_->arrived.notify_all();
            return true;
        }
        auto& other = *found->second;
        for (; !data.empty(); data = data.subspan(std::min(packet_bytes, data.size()))) {
            const auto packet = data.first(std::min(packet_bytes, data.size()));
            other.packets.put(box_->name, bytes(packet.begin(), packet.end()));
        }
        other.arrived.notify_all();
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
        box_->packets.clear();
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
    auto box = std::make_shared<mailbox>(at, mail->queue_packets);
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
