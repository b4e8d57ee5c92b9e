#include <mydht/core/body.hpp>

#include "support/catch.hpp"

using namespace mydht;

TEST_CASE("a body reads back what was written", "[body]") {
    const bytes text = to_bytes("hello");
    body_writer out;
    out.u8(1).u16(0x0203).u32(0x04050607).u64(0x08090a0b0c0d0e0fULL).fixed(text).short_bytes(text).long_bytes(text);

    CHECK(out.data()[1] == 0x03);  // little-endian
    body_reader in(out.data());
    CHECK(in.u8() == 1);
    CHECK(in.u16() == 0x0203);
    CHECK(in.u32() == 0x04050607);
    CHECK(in.u64() == 0x08090a0b0c0d0e0fULL);
    CHECK(as_text(in.fixed(5)) == "hello");
    CHECK(as_text(in.short_bytes(5)) == "hello");
    CHECK(as_text(in.long_bytes(5)) == "hello");
    CHECK(in.end().has_value());
}

TEST_CASE("a body that ends too soon fails at every length", "[body]") {
    body_writer out;
    out.u16(7).short_bytes(to_bytes("abc"));
    for (std::size_t size = 0; size < out.data().size(); ++size) {
        body_reader in(bytes_view(out.data()).first(size));
        in.u16();
        in.short_bytes(10);
        CAPTURE(size);
        REQUIRE_FALSE(in.end().has_value());
        CHECK(in.end().error() == errc::truncated);
    }
}

TEST_CASE("a body refuses lengths over the limit and bytes behind its end", "[body]") {
    body_writer out;
    out.short_bytes(to_bytes("abcd"));
    body_reader in(out.data());
    in.short_bytes(3);
    CHECK(in.end().error() == errc::too_large);

    body_reader rest(out.data());
    rest.u16();
    CHECK(rest.end().error() == errc::trailing_bytes);
}
