#include <mydht/wire/ack.hpp>

#include <algorithm>
#include <cassert>

#include "wire/little_endian.hpp"

namespace mydht::wire {

namespace {

constexpr std::uint64_t first_length_max = 0xffffffff;
/// Gaps and lengths behind the first range; each is written less one, since neither is ever zero.
constexpr std::uint64_t step_max = 0x10000;

std::uint8_t* put(std::uint8_t* out, std::size_t size, std::uint64_t value) noexcept {
    store_little_endian(out, size, value);
    return out + size;
}

}  // namespace

bool ack::add(packet_range range) noexcept {
    assert(range.first <= range.last);
    assert(count == 0 || (ranges[count - 1].first > 1 && range.last < ranges[count - 1].first - 1));
    if (count == ack_ranges_max) return false;
    ranges[count++] = range;
    return true;
}

bool operator==(const ack& a, const ack& b) noexcept {
    return a.delay_us == b.delay_us && a.count == b.count &&
           std::equal(a.ranges.begin(), a.ranges.begin() + static_cast<std::ptrdiff_t>(a.count), b.ranges.begin());
}

bool append_ack(bytes& out, const ack& value, std::size_t room) {
    assert(value.count > 0);
    if (room < ack_bytes_min) return false;
    const auto count = std::min(value.count, 1 + (room - ack_bytes_min) / ack_range_bytes);
    const auto below = std::min(value.ranges[0].last - value.ranges[0].first, first_length_max);
    const auto place = out.size();
    out.resize(place + ack_bytes_min + (count - 1) * ack_range_bytes);
    auto* end = put(out.data() + place, 8, value.largest());
    end = put(end, 4, value.delay_us);
    end = put(end, 4, below);
    auto lowest = value.largest() - below;
    for (std::size_t i = 1; i < count; ++i) {
        const auto& range = value.ranges[i];
        const auto gap = lowest - range.last - 1;
        if (gap > step_max) break;
        const auto length = std::min(range.last - range.first + 1, step_max);
        end = put(end, 2, gap - 1);
        end = put(end, 2, length - 1);
        lowest = range.last - (length - 1);
    }
    out.resize(static_cast<std::size_t>(end - out.data()));
    return true;
}

result<ack> decode_ack(bytes_view payload) {
    if (payload.size() < ack_bytes_min) return failure(errc::truncated);
    if (payload.size() > ack_bytes_max) return failure(errc::too_large);
    if ((payload.size() - ack_bytes_min) % ack_range_bytes != 0) return failure(errc::truncated);
    ack out;
    const auto largest = load_little_endian(payload.first(8));
    out.delay_us = static_cast<std::uint32_t>(load_little_endian(payload.subspan(8, 4)));
    const auto below = load_little_endian(payload.subspan(12, 4));
    if (below > largest) return failure(errc::malformed);
    auto lowest = largest - below;
    out.add({lowest, largest});
    for (auto rest = payload.subspan(ack_bytes_min); !rest.empty(); rest = rest.subspan(ack_range_bytes)) {
        const auto gap = load_little_endian(rest.first(2)) + 1;
        const auto length = load_little_endian(rest.subspan(2, 2)) + 1;
        if (gap + length > lowest) return failure(errc::malformed);
        const auto last = lowest - gap - 1;
        lowest = last - (length - 1);
        out.add({lowest, last});
    }
    return out;
}

}  // namespace mydht::wire
