#include "wire/address_list.hpp"

#include <algorithm>

namespace mydht::wire {

namespace {

constexpr std::size_t header_bytes = 2;

}  // namespace

std::size_t packed_size(const address& a) noexcept { return header_bytes + a.data().size(); }

std::size_t packed_size(std::span<const address> list) noexcept {
    std::size_t out = 0;
    for (const auto& a : list) out += packed_size(a);
    return out;
}

std::uint8_t* write_address(std::uint8_t* out, const address& a) noexcept {
    const auto data = a.data();
    *out++ = static_cast<std::uint8_t>(a.kind());
    *out++ = static_cast<std::uint8_t>(data.size());
    return std::ranges::copy(data, out).out;
}

result<address> take_address(bytes_view& rest) {
    const bool whole = rest.size() >= header_bytes && rest.size() - header_bytes >= rest[1];
    if (!whole) return failure(errc::truncated);
    const auto data = rest.subspan(header_bytes, rest[1]);
    const auto kind = static_cast<address_kind>(rest[0]);
    rest = rest.subspan(header_bytes + data.size());
    return address::from_bytes(kind, data);
}

result<std::vector<address>> read_addresses(bytes_view data, std::size_t count_max) {
    std::size_t count = 0;
    for (auto rest = data; rest.size() >= header_bytes; ++count) {
        rest = rest.subspan(std::min(rest.size(), header_bytes + rest[1]));
    }
    if (count > count_max) return failure(errc::too_large);
    std::vector<address> out;
    out.reserve(count);
    while (!data.empty()) {
        const auto one = take_address(data);
        if (!one) return failure(one.error() == errc::truncated ? errc::truncated : errc::malformed);
        out.push_back(*one);
    }
    return out;
}

}  // namespace mydht::wire
