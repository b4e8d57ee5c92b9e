#include "sim/links.hpp"

#include <algorithm>
#include <cassert>
#include <stdexcept>
#include <string>

namespace mydht::sim::detail {

namespace {

constexpr std::uint32_t million = 1'000'000;
/// The longest payload that an IPv4 datagram has room for.
constexpr std::size_t datagram_bytes_limit = 65'507;

/// First bytes of public IPv4 hosts, leaving out whole those in which anything is reserved.
constexpr bool is_public(unsigned first) {
    for (const unsigned reserved : {10U, 100U, 127U, 169U, 172U, 192U, 198U, 203U}) {
        if (first == reserved) return false;
    }
    return first >= 1 && first <= 223;
}

constexpr auto public_bytes = [] {
    std::array<std::uint8_t, 215> out{};
    std::size_t count = 0;
    for (unsigned first = 1; first <= 223; ++first) {
        if (is_public(first)) out[count++] = static_cast<std::uint8_t>(first);
    }
    return out;
}();
static_assert(public_bytes.back() == 223);

void check(const network_config& config) {
    const auto refuse = [](const char* why) { throw std::invalid_argument(std::string("network_config: ") + why); };
    if (config.jitter_max < duration(0)) refuse("jitter_max must not be negative");
    if (config.upload_bytes_per_second == 0U) refuse("upload_bytes_per_second must be at least 1");
    if (config.window_bytes == 0 || config.window_bytes > (1U << 30U)) refuse("window_bytes must be 1 byte to 1 GiB");
    if (config.backlog == 0) refuse("backlog must be at least 1");
    if (config.disconnects_per_million > million) refuse("disconnects_per_million must be at most a million");
    if (config.lost_dials_per_million > million) refuse("lost_dials_per_million must be at most a million");
    if (config.dial_timeout <= duration(0)) refuse("dial_timeout must be longer than nothing");
    if (config.retry_interval <= duration(0)) refuse("retry_interval must be longer than nothing");
    if (config.break_after <= duration(0)) refuse("break_after must be longer than nothing");
    if (config.mapping_timeout <= duration(0)) refuse("mapping_timeout must be longer than nothing");
    if (config.unsent_bytes_max == 0) refuse("unsent_bytes_max must be at least 1");
    if (config.loss_per_million > million) refuse("loss_per_million must be at most a million");
    if (config.duplicates_per_million > million) refuse("duplicates_per_million must be at most a million");
    if (config.reorder_per_million > million) refuse("reorder_per_million must be at most a million");
    if (config.reorder_delay_max < duration(1)) refuse("reorder_delay_max must be longer than nothing");
    if (config.datagram_bytes_max == 0 || config.datagram_bytes_max > datagram_bytes_limit) {
        refuse("datagram_bytes_max must be 1 to 65507");
    }
    if (config.upload_queue_bytes == std::size_t{0}) refuse("upload_queue_bytes must be at least 1");
    if (config.datagram_send_bytes == 0) refuse("datagram_send_bytes must be at least 1");
    if (config.datagram_queue_packets == 0) refuse("datagram_queue_packets must be at least 1");
    if (config.nodes_per_prefix == 0 || config.nodes_per_prefix > 254) refuse("nodes_per_prefix must be 1 to 254");
}

}  // namespace

links::links(world_core& world, const network_config& config) : world_(&world), config_(config) { check(config_); }

links::host& links::host_of(node_index node) {
    assert(node < world_->node_count());
    while (hosts_.size() <= node) {
        hosts_.emplace_back(prng(derive(world_->seed(), for_network, hosts_.size(), 0)));
    }
    return hosts_[node];
}

// --- addresses -------------------------------------------------------------------------------------------------------

std::array<std::uint8_t, 4> links::ip_of(node_index node) const {
    const auto group = node / config_.nodes_per_prefix;
    const auto first = public_bytes[group % public_bytes.size()];
    const auto rest = group / static_cast<std::uint32_t>(public_bytes.size());
    return {first, static_cast<std::uint8_t>(rest & 0xff), static_cast<std::uint8_t>((rest >> 8U) & 0xff),
            static_cast<std::uint8_t>(1 + node % config_.nodes_per_prefix)};
}

address links::address_of(address_kind kind, node_index node, std::uint16_t port) const {
    return address::ipv4(kind, ip_of(node), port);
}

std::optional<node_index> links::node_at(const address& where) const {
    if (!where.is_ipv4()) return std::nullopt;
    const auto host = where.host();
    const auto found = std::lower_bound(public_bytes.begin(), public_bytes.end(), host[0]);
    if (found == public_bytes.end() || *found != host[0]) return std::nullopt;
    if (host[3] == 0 || host[3] > config_.nodes_per_prefix) return std::nullopt;
    const auto rest = std::uint64_t{host[1]} | (std::uint64_t{host[2]} << 8U);
    const auto group = rest * public_bytes.size() + static_cast<std::uint64_t>(found - public_bytes.begin());
    const auto node = group * config_.nodes_per_prefix + host[3] - 1;
    if (node >= world_->node_count()) return std::nullopt;
    return static_cast<node_index>(node);
}

duration links::latency(node_index a, node_index b) const {
    return config_.latency.sample(derive(world_->seed(), for_link, std::min(a, b), std::max(a, b)));
}

bool links::is_host_of(node_index node, const address& at) const {
    return at.is_ipv4() && (at.is_wildcard() || at.with_port(0) == address_of(at.kind(), node, 0));
}

// --- ways ------------------------------------------------------------------------------------------------------------

duration links::jitter(node_index from) {
    if (config_.jitter_max <= duration(0)) return duration(0);
    const auto range = static_cast<std::uint64_t>(config_.jitter_max.count()) + 1;
    return duration(static_cast<duration::rep>(random(from).below(range)));
}

bool links::happens(node_index at, std::uint32_t per_million) {
    return per_million > 0 && random(at).below(million) < per_million;
}

namespace {

std::uint64_t name_of(node_index a, node_index b) { return (std::uint64_t{std::min(a, b)} << 32U) | std::max(a, b); }

}  // namespace

bool links::linked(node_index a, node_index b) {
    if (host_of(a).island != host_of(b).island) return false;
    return !ways_ || a == b || ways_->contains(name_of(a, b));
}

void links::link_only(const std::vector<link>& ways) {
    ways_.emplace();
    for (const auto& way : ways) ways_->insert(name_of(way.one, way.other));
}

void links::sends_packet(node_index from, node_index to) {
    auto& h = host_of(from);
    if (h.sheltered) h.expected[to] = world_->now() + config_.mapping_timeout;
}

bool links::takes_packet(node_index node, node_index from) {
    const auto& h = host_of(node);
    if (!h.sheltered) return true;
    const auto found = h.expected.find(from);
    return found != h.expected.end() && world_->now() <= found->second;
}

void links::partition(const std::vector<node_index>& island) {
    ++islands_;
    for (const auto node : island) host_of(node).island = islands_;
}

void links::heal() {
    for (auto& h : hosts_) h.island = 0;
}

duration links::upload_time(std::uint64_t size) const {
    if (!config_.upload_bytes_per_second) return duration(0);
    return duration(static_cast<duration::rep>(size * 1'000'000'000ULL / *config_.upload_bytes_per_second));
}

steady_time links::leaves(node_index node, std::uint64_t size) {
    if (!config_.upload_bytes_per_second) return world_->now();
    auto& h = host_of(node);
    h.upload_free = std::max(h.upload_free, world_->now()) + upload_time(size);
    return h.upload_free;
}

}  // namespace mydht::sim::detail
