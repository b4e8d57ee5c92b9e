#include <mydht/core/errc.hpp>

#include <set>
#include <string>

#include "support/catch.hpp"

using namespace mydht;

namespace {

const std::string unknown_text = error_category().message(-1);

/// The codes are numbered without gaps from 1, so the first unknown one ends them.
int code_count() {
    int code = 1;
    while (error_category().message(code) != unknown_text) ++code;
    return code - 1;
}

}  // namespace

TEST_CASE("every error code has a text of its own", "[errc]") {
    // The last code of the enumeration: a code added behind it without a text fails here.
    const int last = static_cast<int>(errc::answer_lost);
    REQUIRE(code_count() == last);

    std::set<std::string> texts;
    for (int code = 1; code <= last; ++code) {
        CAPTURE(code);
        const auto text = error_category().message(code);
        CHECK_FALSE(text.empty());
        CHECK(texts.insert(text).second);
    }
}

TEST_CASE("error codes convert to std::error_code of the mydht category", "[errc]") {
    const std::error_code code = errc::timed_out;
    CHECK(code == errc::timed_out);
    CHECK(code != errc::cancelled);
    CHECK(std::string(code.category().name()) == "mydht");
    CHECK(code.message() == "the deadline passed");
    CHECK_FALSE(code == std::error_code(code.value(), std::generic_category()));
}
