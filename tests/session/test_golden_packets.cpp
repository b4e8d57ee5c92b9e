// The packets of docs/wire-format.md, "Golden packets", made from the keys that it names.

#include <algorithm>
#include <fstream>
#include <iterator>
#include <numeric>
#include <string>

#include <mydht/wire/codec.hpp>

#include "session/datagram_sides.hpp"
#include "session/session_ciphers.hpp"
#include "wire/source_paths.hpp"

namespace mydht::test {

using namespace detail;

namespace {

bytes counting(std::uint8_t first, std::size_t size = 32) {
    bytes out(size);
    std::iota(out.begin(), out.end(), first);
    return out;
}

/// The same bytes each time.
class fixed_bytes final : public random_source {
public:
    explicit fixed_bytes(std::uint8_t first) : first_(first) {}
    void fill(bytes_span out) override { std::iota(out.begin(), out.end(), first_); }

private:
    std::uint8_t first_;
};

struct golden_side {
    golden_side(std::uint8_t seed, std::uint8_t ephemeral, const session_config& config)
        : random(ephemeral),
          party(std::make_shared<const identity>(identity::from_seed(counting(seed)).value()), config, random) {
        party.capabilities = 1;
    }

    fixed_bytes random;
    local_party party;
};

/// The block below `**name**` in the document.
std::string written(const std::string& name) {
    static const std::string text = [] {
        std::ifstream in(wire_format_document);
        return std::string(std::istreambuf_iterator<char>(in), {});
    }();
    const auto title = text.find("\n**" + name + "**\n");
    REQUIRE(title != std::string::npos);
    const auto begin = text.find("```\n", title) + 4;
    return text.substr(begin, text.find('\n', begin) - begin);
}

/// An initial packet without its padding.
bytes_view unpadded(bytes_view initial) {
    return initial.first(wire::initial_header_bytes + wire::decode_initial(initial)->message.size());
}

bytes transport(session_ciphers& keys, bytes_view frames) {
    bytes out(wire::transport_header_bytes + frames.size());
    std::ranges::copy(frames, out.begin() + wire::transport_header_bytes);
    REQUIRE(keys.seal(out));
    return out;
}

const bytes one{1, 2, 3};
const bytes two{4, 5, 6};

}  // namespace

TEST_CASE("the packets of each handshake have their written form", "[golden][datagram_handshake]") {
    const auto name = GENERATE(as<std::string>(), "IK", "XX", "plain");
    CAPTURE(name);
    const bool xx = name == "XX";
    auto config = name == "plain" ? plain_network() : session_config();
    // The handshake names the codecs, which differ with what was built: these packets are of a node that has the
    // reference encoding alone.
    config.codecs = {wire::capnp_codec()};
    golden_side a(0x01, 0x80, config);
    golden_side b(0x21, 0xc0, config);
    datagram_goal goal;
    if (!xx) goal.known = b.party.self->key();
    goal.own_index = 0x04030201;
    goal.token.fill(0xaa);
    wire::reset_token token{};
    token.fill(0xbb);

    auto initiator = datagram_initiator::begin(a.party, goal, some_time, xx ? bytes_view() : bytes_view(one));
    REQUIRE(initiator);
    CHECK(to_hex(unpadded(initiator->packet())) == written(name + " initial"));
    auto taken = accept_packet(b.party, initiator->packet());
    REQUIRE(taken);
    const auto answer = taken->answer(0x08070605, token, xx ? bytes_view() : bytes_view(two), wire::initial_bytes_min);
    REQUIRE(answer);
    CHECK(to_hex(*answer) == written(name + " answer"));
    auto kept = taken->half_open();
    REQUIRE(initiator->take_answer(*answer));
    auto begun = initiator->finish(xx ? bytes_view(one) : bytes_view());
    REQUIRE(begun);
    session_ciphers keys_of_a(std::move(begun->keys), steady_time());
    const auto first = transport(keys_of_a, one);
    CHECK(to_hex(first) == written(name + " transport, number 0 of the initiator"));
    if (xx) CHECK(to_hex(begun->final_packet) == written("XX final"));

    if (!xx) REQUIRE(kept.proves(first));
    auto accepted = xx ? kept.take_final(b.party, begun->final_packet) : kept.finish();
    REQUIRE(accepted);
    session_ciphers keys_of_b(std::move(accepted->keys), steady_time());
    (void)transport(keys_of_b, two);
    CHECK(to_hex(transport(keys_of_b, two)) == written(name + " transport, number 1 of the responder"));
}

TEST_CASE("the packets in the clear have their written form", "[golden]") {
    wire::cookie_packet cookie;
    cookie.receiver = 0x04030201;
    std::iota(cookie.cookie.begin(), cookie.cookie.end(), std::uint8_t{0x10});
    CHECK(to_hex(wire::encode(cookie)) == written("cookie"));
    wire::reset_packet reset;
    reset.index = 0x04030201;
    reset.token.fill(0xaa);
    CHECK(to_hex(wire::encode(reset)) == written("reset"));
}

}  // namespace mydht::test
