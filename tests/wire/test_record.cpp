#include <algorithm>
#include <vector>

#include <mydht/core/random.hpp>
#include <mydht/wire/record.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace mydht::wire;

namespace {

bytes pattern(std::size_t size) {
    bytes out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 7 + size);
    return out;
}

/// Copies what fits into the room; returns how much it was.
std::size_t feed(record_decoder& decoder, bytes_view input) {
    const auto room = decoder.prepare();
    const auto count = std::min(room.size(), input.size());
    std::copy_n(input.begin(), count, room.begin());
    decoder.commit(count);
    return count;
}

/// Feeds everything in slices of at most `slice` bytes and collects the records.
std::vector<bytes> decode_all(record_decoder& decoder, bytes_view input, std::size_t slice) {
    std::vector<bytes> out;
    while (!input.empty()) {
        input = input.subspan(feed(decoder, input.first(std::min(slice, input.size()))));
        for (;;) {
            const auto got = decoder.next();
            REQUIRE(got.has_value());
            if (!*got) break;
            out.push_back(to_bytes(**got));
        }
    }
    return out;
}

}  // namespace

TEST_CASE("a record is a big-endian length and its bytes", "[record]") {
    bytes out;
    append_record(out, pattern(0x0102));
    CHECK(out.size() == 0x0104);
    CHECK(out[0] == 0x01);
    CHECK(out[1] == 0x02);
    CHECK(std::ranges::equal(bytes_view(out).subspan(2), pattern(0x0102)));
}

TEST_CASE("records of every size come back", "[record]") {
    const std::size_t sizes[] = {0, 1, 2, 15, 16, 17, 255, 256, 4093, 4094, 4095, 4096, 32767, 65534, 65535};
    bytes stream;
    std::vector<bytes> sent;
    for (const auto size : sizes) {
        sent.push_back(pattern(size));
        append_record(stream, sent.back());
    }
    for (const std::size_t slice : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, stream.size()}) {
        CAPTURE(slice);
        record_decoder decoder;
        CHECK(decode_all(decoder, stream, slice) == sent);
        CHECK(decoder.at_boundary());
        CHECK(decoder.memory() <= record_header_bytes + record_bytes_max + 4096 + 8);
    }
}

TEST_CASE("every size of a record from nothing to the largest comes back", "[record]") {
    record_decoder decoder;
    bytes stream;
    for (std::size_t size = 0; size <= record_bytes_max; size += size < 300 ? 1 : 997) {
        stream.clear();
        const bytes sent = pattern(size);
        append_record(stream, sent);
        const auto got = decode_all(decoder, stream, stream.size());
        CAPTURE(size);
        REQUIRE(got.size() == 1);
        REQUIRE(got[0] == sent);
    }
}

TEST_CASE("records in random slices come back", "[record]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 200; ++round) {
        bytes stream;
        std::vector<bytes> sent;
        for (auto left = random.below(20); left > 0; --left) {
            sent.push_back(pattern(static_cast<std::size_t>(random.below(random.below(2) == 0 ? 40 : 6000))));
            append_record(stream, sent.back());
        }
        record_decoder decoder(1 + static_cast<std::size_t>(random.below(300)));
        std::vector<bytes> got;
        for (bytes_view rest = stream; !rest.empty();) {
            const auto slice = std::min(rest.size(), static_cast<std::size_t>(1 + random.below(2000)));
            for (auto& one : decode_all(decoder, rest.first(slice), slice)) got.push_back(std::move(one));
            rest = rest.subspan(slice);
        }
        REQUIRE(got == sent);
    }
}

TEST_CASE("several records of one read stay valid together and can be changed in place", "[record]") {
    bytes stream;
    append_record(stream, pattern(10));
    append_record(stream, pattern(20));
    record_decoder decoder;
    REQUIRE(feed(decoder, stream) == stream.size());
    const auto first = decoder.next().value();
    const auto second = decoder.next().value();
    REQUIRE((first && second));
    std::ranges::fill(*first, std::uint8_t{0});
    CHECK(std::ranges::equal(*second, pattern(20)));
    CHECK_FALSE(decoder.next().value().has_value());
}

TEST_CASE("the first record after a pause is aligned to words", "[record]") {
    record_decoder decoder;
    for (int i = 0; i < 3; ++i) {
        bytes stream;
        append_record(stream, pattern(13));
        feed(decoder, stream);
        const auto got = decoder.next().value();
        REQUIRE(got);
        CHECK(reinterpret_cast<std::uintptr_t>(got->data()) % 8 == 0);
    }
}

TEST_CASE("a record over the limit is refused from its length on, and stays refused", "[record]") {
    for (const std::size_t limit : {std::size_t{0}, std::size_t{100}, std::size_t{1056}}) {
        bytes fits;
        append_record(fits, pattern(limit));
        record_decoder decoder(4096, limit);
        feed(decoder, fits);
        CHECK(decoder.next().value().has_value());

        bytes length;
        append_record_header(length, limit + 1);
        feed(decoder, length);
        CHECK(decoder.next().error() == errc::too_large);
        CHECK(decoder.next().error() == errc::too_large);
    }
}

TEST_CASE("the limit can be raised when the peer is known", "[record]") {
    record_decoder decoder(64, 10);
    decoder.set_size_max(record_bytes_max);
    bytes stream;
    append_record(stream, pattern(60000));
    CHECK(decode_all(decoder, stream, stream.size()).size() == 1);
}

TEST_CASE("memory of a record follows the bytes that came, not the announced length", "[record]") {
    record_decoder decoder(64);
    bytes stream;
    append_record(stream, pattern(record_bytes_max));
    std::size_t fed = 0;
    std::size_t moves = 0;
    std::size_t memory = 0;
    while (fed < stream.size()) {
        fed += feed(decoder, bytes_view(stream).subspan(fed, 1));
        REQUIRE(decoder.memory() <= 2 * fed + 128);
        if (decoder.memory() != memory) ++moves;
        memory = decoder.memory();
    }
    CHECK(moves <= 12);  // a dribbling peer costs no more copying than a fast one
    CHECK(decoder.next().value()->size() == record_bytes_max);
}

TEST_CASE("an idle decoder holds no memory, one with a partial record keeps it", "[record]") {
    record_decoder decoder;
    CHECK(decoder.memory() == 0);
    bytes stream;
    append_record(stream, pattern(5));
    feed(decoder, bytes_view(stream).first(3));
    CHECK_FALSE(decoder.at_boundary());
    decoder.release();
    CHECK(decoder.memory() > 0);
    feed(decoder, bytes_view(stream).subspan(3));
    CHECK(std::ranges::equal(*decoder.next().value(), pattern(5)));
    CHECK(decoder.at_boundary());
    decoder.release();
    CHECK(decoder.memory() == 0);
    feed(decoder, stream);
    CHECK(std::ranges::equal(*decoder.next().value(), pattern(5)));
}

TEST_CASE("plaintexts are cut so that a record with its tag is full", "[record]") {
    const auto whole = pattern(2 * record_plaintext_max + 5);
    bytes_view rest = whole;
    const auto first = next_plaintext(rest);
    const auto second = next_plaintext(rest);
    const auto third = next_plaintext(rest);
    CHECK(first.size() + record_tag_bytes == record_bytes_max);
    CHECK(second.size() == record_plaintext_max);
    CHECK(third.size() == 5);
    CHECK(third.data() + third.size() == whole.data() + whole.size());
    CHECK(next_plaintext(rest).empty());
}
