#include "transport/udp_calls.hpp"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>

#include "transport/socket_address.hpp"

namespace mydht::detail {

namespace {

// 16 bits of length, less the headers (RFC 768, RFC 791). IPv6 could do with 40 bytes more, but no interface carries
// those, and batches are no longer either.
constexpr std::size_t ipv4_payload_max = 65'535 - 20 - 8;
constexpr std::size_t ipv6_payload_max = 65'535 - 40 - 8;
/// UDP_MAX_SEGMENTS of the oldest kernels that have UDP_SEGMENT.
constexpr std::size_t segments_max = 64;
/// How often a call is repeated that fails for something else than what was asked: errors of earlier packets, packets
/// that do not fit. Others cause them, so there must be an end.
constexpr int attempts_max = 16;
constexpr std::size_t refused_max = 64;

template <typename T>
bool set(int descriptor, int level, int name, T value) {
    return ::setsockopt(descriptor, level, name, &value, sizeof value) == 0;
}

bool knows(int descriptor, int level, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(descriptor, level, name, &value, &size) == 0;
}

/// Errors of the socket itself. All others belong to packets that were sent before, or pass.
bool is_fatal(int error) noexcept {
    return error == EBADF || error == ENOTSOCK || error == EFAULT || error == EINVAL || error == ENOTCONN;
}

/// What a system that cuts no batches answers, or one that cuts none of this size or for this way.
bool is_about_segments(int error) noexcept {
    return error == EIO || error == EINVAL || error == EOPNOTSUPP || error == EMSGSIZE;
}

bool is_shortage(int error) noexcept { return error == ENOBUFS || error == ENOMEM; }

errc send_error(int error) noexcept {
    switch (error) {
        case EMSGSIZE: return errc::too_large;
        case EAFNOSUPPORT: return errc::unsupported_address;
        case ENETUNREACH:
        case EHOSTUNREACH:
        case EHOSTDOWN:
        case ENETDOWN:
        case ENETRESET:
        case EADDRNOTAVAIL:
        case ECONNREFUSED:
        case ETIMEDOUT:
        case EINVAL:
        // A firewall of this machine says no, or the host is one of many (broadcast).
        case EACCES:
        case EPERM: return errc::unreachable;
        default: return errc::network_failed;
    }
}

/// What a call may report of an earlier packet instead of doing its own work: Linux gives these for ICMP messages
/// (icmp_err_convert and its like for IPv6), which anybody can forge.
bool may_be_of_another(int error) noexcept {
    switch (error) {
        case EOPNOTSUPP:
        case ENOPROTOOPT:
        case EPROTO:
        case ENONET:
        case EMSGSIZE:
        case EINTR: return true;
        default: return send_error(error) == errc::unreachable;
    }
}

iovec to_iovec(bytes_span into) noexcept { return {into.data(), into.size()}; }

/// Room for any control message that is asked for here.
struct alignas(cmsghdr) control_room {
    std::array<char, 256> bytes{};
};

std::size_t joined_packet_bytes(msghdr& message) noexcept {
    for (auto* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO) continue;
        int size = 0;
        std::memcpy(&size, CMSG_DATA(c), sizeof size);
        return size > 0 ? static_cast<std::size_t>(size) : 0;
    }
    return 0;
}

/// True when the other host says that the port is closed.
bool says_refused(msghdr& message) noexcept {
    for (auto* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        const bool of_error = (c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) ||
                              (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR);
        if (!of_error) continue;
        sock_extended_err error{};
        std::memcpy(&error, CMSG_DATA(c), sizeof error);
        const bool from_far = error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6;
        return from_far && error.ee_errno == ECONNREFUSED;
    }
    return false;
}

}  // namespace

void udp_calls::attach(int descriptor, bool ipv6, bool offload) {
    descriptor_ = descriptor;
    ipv6_ = ipv6;
    // Never fragments, and no belief in reports of the path's size, which anybody can forge.
    if (ipv6) {
        set(descriptor, SOL_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
        set(descriptor, SOL_IPV6, IPV6_RECVERR, 1);
    } else {
        set(descriptor, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
        set(descriptor, SOL_IP, IP_RECVERR, 1);
    }
    if (offload && knows(descriptor, SOL_UDP, UDP_SEGMENT)) segments_.enable();
    joining_ = offload && set(descriptor, SOL_UDP, UDP_GRO, 1);
}

std::size_t udp_calls::packet_bytes_max() const noexcept { return ipv6_ ? ipv6_payload_max : ipv4_payload_max; }

std::size_t udp_calls::batch_bytes_max() const noexcept { return packet_bytes_max(); }

// --- receiving -------------------------------------------------------------------------------------------------------

udp_calls::outcome udp_calls::read(bytes_span into) const {
    socket_address from;
    control_room control;
    auto part = to_iovec(into);
    msghdr message{};
    message.msg_name = from.data();
    message.msg_namelen = sizeof from.storage;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    outcome out;
    const auto count = ::recvmsg(descriptor_, &message, MSG_DONTWAIT);
    if (count < 0) {
        out.error = errno;
        return out;
    }
    out.truncated = (message.msg_flags & MSG_TRUNC) != 0;
    out.got.from = from_system(*from.data(), address_kind::udp);
    out.got.bytes = static_cast<std::size_t>(count);
    const auto joined = joining_ ? joined_packet_bytes(message) : 0;
    out.got.packet_bytes = joined > 0 ? std::min(joined, out.got.bytes) : out.got.bytes;
    return out;
}

std::optional<datagrams> udp_calls::take_kept(bytes_span into) {
    while (kept_.bytes > 0 && std::min(kept_.packet_bytes, kept_.bytes) > into.size()) {
        const auto dropped = std::min(kept_.packet_bytes, kept_.bytes);
        taken_ += dropped;
        kept_.bytes -= dropped;
    }
    if (kept_.bytes == 0) return std::nullopt;
    auto out = kept_;
    if (out.bytes > into.size()) out.bytes = into.size() / out.packet_bytes * out.packet_bytes;
    out.packet_bytes = std::min(out.packet_bytes, out.bytes);
    std::memcpy(into.data(), spare_.data() + taken_, out.bytes);
    taken_ += out.bytes;
    kept_.bytes -= out.bytes;
    return out;
}

std::optional<datagrams> udp_calls::take_refused() {
    if (refused_.empty()) return std::nullopt;
    datagrams out;
    out.from = refused_.front();
    out.refused = true;
    refused_.pop_front();
    return out;
}

void udp_calls::drain_errors() {
    for (std::size_t i = 0; i < refused_max; ++i) {
        socket_address sent_to;
        control_room control;
        std::array<std::uint8_t, 1> ignored{};
        auto part = to_iovec(ignored);
        msghdr message{};
        message.msg_name = sent_to.data();
        message.msg_namelen = sizeof sent_to.storage;
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.bytes.data();
        message.msg_controllen = control.bytes.size();
        if (::recvmsg(descriptor_, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
        const auto to = from_system(*sent_to.data(), address_kind::udp);
        if (!to.empty() && says_refused(message) && refused_.size() < refused_max) refused_.push_back(to);
    }
}

result<std::optional<datagrams>> udp_calls::receive(bytes_span into) {
    if (auto kept = take_kept(into)) return kept;
    if (auto told = take_refused()) return told;
    // The system may hand over more at once than there is room for.
    const bool direct = !joining_ || into.size() >= batch_bytes_max();
    if (!direct && spare_.empty()) spare_.resize(batch_bytes_max());
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        const auto out = read(direct ? into : bytes_span(spare_));
        if (out.error == 0) {
            woken_ = false;
            if (out.truncated) continue;
            if (direct || out.got.bytes == 0) return std::optional<datagrams>(out.got);
            kept_ = out.got;
            taken_ = 0;
            if (auto kept = take_kept(into)) return kept;
        } else if (out.error == EAGAIN || out.error == EWOULDBLOCK) {
            // An error that no call reports keeps the socket readable until it is fetched.
            const bool look = std::exchange(woken_, false);
            if (std::exchange(failed_send_, false) || look) drain_errors();
            return take_refused();
        } else if (is_fatal(out.error)) {
            return failure(errc::network_failed);
        } else if (out.error != EINTR) {
            drain_errors();
            if (auto told = take_refused()) return told;
        }
    }
    return std::optional<datagrams>();
}

// --- sending ---------------------------------------------------------------------------------------------------------

int udp_calls::write(const socket_address& to, bytes_view data, std::size_t packet_bytes) const {
    constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    if (data.size() <= packet_bytes) {
        return ::sendto(descriptor_, data.data(), data.size(), flags, to.data(), to.size) < 0 ? errno : 0;
    }
    // The system only reads what is not const here.
    iovec part{const_cast<std::uint8_t*>(data.data()), data.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> control{};
    msghdr message{};
    message.msg_name = const_cast<sockaddr*>(to.data());
    message.msg_namelen = to.size;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    auto* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
    const auto size = static_cast<std::uint16_t>(packet_bytes);
    std::memcpy(CMSG_DATA(c), &size, sizeof size);
    return ::sendmsg(descriptor_, &message, flags) < 0 ? errno : 0;
}

int udp_calls::write_again(const socket_address& to, bytes_view data, std::size_t packet_bytes) const {
    int error = 0;
    // A call may report, and by that clear, what became of an earlier packet to somebody else.
    for (int attempt = 0; attempt < 3; ++attempt) {
        error = write(to, data, packet_bytes);
        if (error == 0 || !may_be_of_another(error)) break;
        failed_send_ = true;
    }
    return error;
}

result<bool> udp_calls::send(const address& to, bytes_view data, std::size_t packet_bytes) {
    if (to.kind() != address_kind::udp || to.is_ipv6() != ipv6_) return failure(errc::unsupported_address);
    if (data.empty() || packet_bytes == 0) return failure(errc::bad_argument);
    packet_bytes = std::min(packet_bytes, data.size());
    if (data.size() > batch_bytes_max()) return failure(errc::too_large);
    if (to.is_wildcard() || to.port() == 0) return failure(errc::unreachable);
    const auto name = to_system(to);
    bool cut_here = data.size() <= packet_bytes || !segments_.next();
    bool begun = false;
    while (!data.empty()) {
        const auto part = data.first(std::min(data.size(), packet_bytes * (cut_here ? 1 : segments_max)));
        const int error = write_again(name, part, packet_bytes);
        if (error != 0 && part.size() > packet_bytes && is_about_segments(error)) {
            // A size that does not fit may be of this way only.
            if (error == EIO || error == EOPNOTSUPP) segments_.refused();
            cut_here = true;
            continue;
        }
        // What was begun is not taken back: the rest is lost, as packets may be.
        if (error != 0 && begun) return true;
        if (is_shortage(error)) short_of_buffers_ = true;
        if (error == EAGAIN || error == EWOULDBLOCK || is_shortage(error)) return false;
        if (error != 0) return failure(send_error(error));
        if (!cut_here) segments_.taken();
        begun = true;
        data = data.subspan(part.size());
    }
    return true;
}

}  // namespace mydht::detail
