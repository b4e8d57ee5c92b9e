#include <mydht/wire/capnp_frame.hpp>
#include <mydht/wire/codec.hpp>

#include "support/catch.hpp"
#include "wire/capnp_segments.hpp"
#include "wire/little_endian.hpp"

using namespace mydht;
using namespace mydht::wire;

namespace {

bytes table_of(std::initializer_list<std::uint32_t> words) {
    bytes out(capnp_table_bytes(words.size()));
    store_little_endian(out.data(), 4, words.size() - 1);
    std::size_t at = 4;
    for (const auto one : words) {
        store_little_endian(out.data() + at, 4, one);
        at += 4;
    }
    return out;
}

bytes sample() {
    bytes out;
    REQUIRE(capnp_codec().encode({9, error{error_code::busy, std::string(200, 'x')}}, out).has_value());
    return out;
}

std::error_code error_of(bytes_view data, std::size_t max) {
    capnp_assembler assembler(max);
    const auto got = assembler.feed(data);
    if (got) return {};
    CHECK(assembler.feed(data).error() == got.error());  // sticks
    CHECK(assembler.message().empty());
    return got.error();
}

}  // namespace

TEST_CASE("a message is put together from any slices, aligned", "[capnp_frame]") {
    const auto whole = sample();
    for (std::size_t slice = 1; slice <= whole.size(); ++slice) {
        CAPTURE(slice);
        capnp_assembler assembler;
        for (bytes_view rest = whole; !rest.empty();) {
            CHECK_FALSE(assembler.complete());
            CHECK(assembler.message().empty());
            bytes_view part = rest.first(std::min(slice, rest.size()));
            rest = rest.subspan(part.size());
            REQUIRE(assembler.feed(part).value() == rest.empty());
            REQUIRE(part.empty());
        }
        REQUIRE(assembler.complete());
        REQUIRE(to_bytes(assembler.message()) == whole);
        REQUIRE(reinterpret_cast<std::uintptr_t>(assembler.message().data()) % 8 == 0);
    }
}

TEST_CASE("what is behind the message is left alone", "[capnp_frame]") {
    auto two = sample();
    const auto size = two.size();
    two.insert(two.end(), two.begin(), two.end());
    two.push_back(1);
    bytes_view input = two;
    capnp_assembler assembler;
    REQUIRE(assembler.feed(input).value());
    CHECK(input.size() == size + 1);
    CHECK(assembler.feed(input).value());
    CHECK(input.size() == size + 1);
    assembler.reset();
    CHECK_FALSE(assembler.complete());
    REQUIRE(assembler.feed(input).value());
    CHECK(input.size() == 1);
}

TEST_CASE("segment counts and sizes are limited by the table alone", "[capnp_frame]") {
    CHECK_FALSE(error_of(table_of({1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}), 1000));
    CHECK(error_of(table_of({1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}), 1000) == errc::too_large);
    CHECK(error_of(bytes{0xff, 0xff, 0xff, 0xff}, 1000) == errc::too_large);
    CHECK(error_of(bytes{16, 0, 0, 0}, 1000) == errc::too_large);
    CHECK_FALSE(error_of(bytes{15, 0, 0, 0}, 1000));

    CHECK_FALSE(error_of(table_of({99}), 800));
    CHECK(error_of(table_of({99}), 799) == errc::too_large);
    CHECK(error_of(table_of({100}), 800) == errc::too_large);
    CHECK_FALSE(error_of(table_of({50, 48}), 800));
    CHECK(error_of(table_of({50, 49}), 800) == errc::too_large);
    CHECK(error_of(table_of({0xffffffff}), 1 << 20) == errc::too_large);
    const std::uint32_t most = 0xffffffff;
    CHECK(error_of(table_of({most, most, most, most, most, most, most, most, most, most, most, most, most, most, most,
                             most}),
                   1 << 20) == errc::too_large);
}

TEST_CASE("a message without content is complete behind its table", "[capnp_frame]") {
    const auto data = table_of({0});
    bytes_view input = data;
    capnp_assembler assembler;
    CHECK(assembler.feed(input).value());
    CHECK(assembler.message().size() == 8);
}
