#include "crypto/noise_answers.hpp"
#include "crypto/noise_transcript.hpp"
#include "support/catch.hpp"

using namespace mydht;

// The answers were written down once the implementation had passed the published vectors (noise_vectors.cpp); they
// keep it there on machines that have no file of them.

TEST_CASE("every pattern gives its known answer", "[noise]") {
    std::size_t bases = 0;
    std::size_t keyed = 0;
    for (const auto& answer : test::noise_answers) {
        CAPTURE(answer.name);
        const auto found = test::transcript_of(std::string(answer.name));
        CHECK(found.hash == answer.hash);
        CHECK(found.wire == answer.wire);
        (answer.name.find("psk") == std::string_view::npos ? bases : keyed) += 1;
    }
    CHECK(bases == test::noise_patterns().size());
    CHECK(keyed == 15);
}
