#pragma once

#include <cstddef>
#include <memory>

#include <mydht/transport/datagram.hpp>

namespace mydht::detail {

/// The names and queues that the datagram sockets of one memory_network share.
struct memory_mail;

[[nodiscard]] std::shared_ptr<memory_mail> make_memory_mail(std::size_t packet_bytes_max, std::size_t queue_packets);

[[nodiscard]] any_datagram_transport make_memory_datagrams(std::shared_ptr<memory_mail> mail);

}  // namespace mydht::detail
