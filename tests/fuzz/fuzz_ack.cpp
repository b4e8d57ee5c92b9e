#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mydht/wire/ack.hpp>

using namespace mydht;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

/// An input is the payload of an ack frame: what decodes has ordered ranges and encodes to the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const bytes_view input(data, size);
    const auto got = wire::decode_ack(input);
    if (!got) return 0;
    check(got->count >= 1 && got->count <= wire::ack_ranges_max);
    for (std::size_t i = 0; i < got->count; ++i) {
        check(got->ranges[i].first <= got->ranges[i].last);
        check(i == 0 || got->ranges[i].last < got->ranges[i - 1].first - 1);
    }
    bytes again;
    check(wire::append_ack(again, *got, wire::ack_bytes_max));
    check(std::ranges::equal(again, input));
    return 0;
}
