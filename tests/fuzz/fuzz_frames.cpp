#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mydht/wire/frame.hpp>
#include <mydht/wire/record.hpp>

using namespace mydht;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

struct outcome {
    bytes frames;  ///< the frames that came out, encoded anew
    std::error_code error;
    friend bool operator==(const outcome&, const outcome&) = default;
};

/// Feeds slices of at most `slice` bytes until the first error.
outcome decode_frames(bytes_view input, std::size_t slice) {
    wire::frame_decoder decoder({.message = 5000, .stream_data = 5000, .ignored = 5000});
    outcome out;
    while (!input.empty()) {
        bytes_view part = input.first(std::min(slice, input.size()));
        input = input.subspan(part.size());
        for (;;) {
            const auto got = decoder.next(part);
            if (!got) {
                out.error = got.error();
                check(decoder.next(part).error() == out.error);
                return out;
            }
            if (!*got) break;
            check((*got)->payload.size() <= 5000);
            wire::append_frame(out.frames, (*got)->kind, (*got)->channel, (*got)->payload);
        }
        check(part.empty());
        check(decoder.memory() <= 10000);
    }
    return out;
}

outcome decode_records(bytes_view input, std::size_t slice) {
    wire::record_decoder decoder(16, 3000);
    outcome out;
    while (!input.empty()) {
        const auto room = decoder.prepare();
        const auto count = std::min({slice, input.size(), room.size()});
        check(count > 0);
        std::copy_n(input.begin(), count, room.begin());
        decoder.commit(count);
        input = input.subspan(count);
        for (;;) {
            const auto got = decoder.next();
            if (!got) {
                out.error = got.error();
                return out;
            }
            if (!*got) break;
            wire::append_record(out.frames, **got);
        }
        check(decoder.memory() <= 8 + 2 + 3000 + 16 + 1);
    }
    return out;
}

}  // namespace

/// The first byte is the size of the slices; what comes out may not depend on it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto slice = std::size_t{1} + data[0];
    const bytes_view input(data + 1, size - 1);
    check(decode_frames(input, slice) == decode_frames(input, size));
    check(decode_records(input, slice) == decode_records(input, 1));
    return 0;
}
