#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mydht/wire/preamble.hpp>

using namespace mydht;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

/// An input is a preamble; its last byte is taken as an answer too.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const bytes_view input(data, size);
    wire::preamble own;
    const auto theirs = wire::decode_preamble(input);
    if (theirs) {
        auto again = wire::encode(*theirs);
        check(wire::decode_preamble(again).value() == *theirs);
        again[7] = data[7];  // reserved
        check(std::ranges::equal(again, input));
        own.network = theirs->network;
        const auto answer = wire::answer_to(*theirs, own);
        const auto version = wire::read_answer(static_cast<std::uint8_t>(answer), *theirs);
        if (version) check(*version == wire::protocol_version && theirs->mode == own.mode);
        own.network[0] ^= 1U;
        check(wire::answer_to(*theirs, own) == wire::preamble_answer::other_network);
    }
    if (size > 0) {
        const auto version = wire::read_answer(data[size - 1], own);
        check(!version || *version == wire::protocol_version);
    }
    return 0;
}
