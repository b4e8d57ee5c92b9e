#include "support/catch.hpp"
#include "wire/utf8.hpp"

using namespace mydht;
using namespace mydht::wire;

namespace {

bool check(std::string_view text) { return is_utf8(as_bytes(text)); }

}  // namespace

TEST_CASE("well-formed UTF-8 is accepted at the ends of its ranges", "[utf8]") {
    CHECK(check(""));
    CHECK(check("plain"));
    CHECK(check(std::string_view("\0", 1)));
    CHECK(check("\x7f"));
    CHECK(check("\xc2\x80"));
    CHECK(check("\xdf\xbf"));
    CHECK(check("\xe0\xa0\x80"));
    CHECK(check("\xed\x9f\xbf"));
    CHECK(check("\xee\x80\x80"));
    CHECK(check("\xef\xbf\xbf"));
    CHECK(check("\xf0\x90\x80\x80"));
    CHECK(check("\xf4\x8f\xbf\xbf"));
}

TEST_CASE("overlong forms, surrogates, too large and broken sequences are refused", "[utf8]") {
    CHECK_FALSE(check("\x80"));
    CHECK_FALSE(check("\xbf"));
    CHECK_FALSE(check("\xc0\x80"));
    CHECK_FALSE(check("\xc1\xbf"));
    CHECK_FALSE(check("\xe0\x9f\xbf"));
    CHECK_FALSE(check("\xed\xa0\x80"));
    CHECK_FALSE(check("\xf0\x8f\xbf\xbf"));
    CHECK_FALSE(check("\xf4\x90\x80\x80"));
    CHECK_FALSE(check("\xf5\x80\x80\x80"));
    CHECK_FALSE(check("\xff"));
    CHECK_FALSE(check("a\xc3"));
    CHECK_FALSE(check("\xe2\x82"));
    CHECK_FALSE(check("\xf0\x9f\x98"));
    CHECK_FALSE(check("\xc3\x28"));
    CHECK_FALSE(check("\xe2\x28\xa1"));
    CHECK_FALSE(check("\xe2\x82\x28"));
    CHECK_FALSE(check("\xf0\x9f\x98\x28"));
}
