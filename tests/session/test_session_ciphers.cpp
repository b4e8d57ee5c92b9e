#include "session/session_ciphers.hpp"

#include <algorithm>

#include "support/catch.hpp"

namespace mydht::test {

using namespace detail;
using namespace std::chrono_literals;

namespace {

constexpr steady_time start{1000s};

/// Both sides' keys of the handshake number `n`.
struct key_pairs {
    datagram_keys one;
    datagram_keys two;
};

key_pairs keys_of(std::uint8_t n, bool plain = false) {
    key_pairs out;
    out.one = {100U + n, 200U + n, {}, {}};
    out.two = {200U + n, 100U + n, {}, {}};
    out.one.peer_token.fill(n);
    if (plain) {
        plain_tag there;
        plain_tag back;
        there.fill(n);
        back.fill(static_cast<std::uint8_t>(n + 1));
        out.one.link = plain_tags{there, back};
        out.two.link = plain_tags{back, there};
        return out;
    }
    const auto cipher = [n](int way) {
        return noise::cipher(secret<32>(bytes(32, static_cast<std::uint8_t>(2 * n + way))));
    };
    out.one.link = noise::cipher_pair{cipher(0), cipher(1)};
    out.two.link = noise::cipher_pair{cipher(1), cipher(0)};
    return out;
}

struct ciphers {
    explicit ciphers(bool plain = false, std::uint8_t n = 0) : ciphers(keys_of(n, plain)) {}
    explicit ciphers(key_pairs keys) : one(std::move(keys.one), start), two(std::move(keys.two), start) {}
    session_ciphers one;
    session_ciphers two;
};

bytes sealed(session_ciphers& with, bytes_view frames) {
    bytes out(wire::transport_header_bytes + frames.size());
    std::ranges::copy(frames, out.begin() + wire::transport_header_bytes);
    REQUIRE(with.seal(out));
    return out;
}

result<bytes> opened(session_ciphers& with, bytes packet) {
    const auto plain = with.open(packet);
    if (!plain) return failure(plain.error());
    return to_bytes(*plain);
}

const bytes frames = to_bytes("some frames");

bool gets_through(session_ciphers& from, session_ciphers& to) {
    const auto got = opened(to, sealed(from, frames));
    return got && *got == frames;
}

std::vector<std::uint32_t> sorted(std::vector<std::uint32_t> what) {
    std::ranges::sort(what);
    return what;
}

std::vector<std::uint32_t> indices_of(const session_ciphers& which) { return sorted(which.indices()); }

}  // namespace

TEST_CASE("packets are sealed and opened in their own memory", "[session_ciphers]") {
    const bool plain = GENERATE(false, true);
    ciphers pair(plain);
    const std::size_t overhead = wire::transport_header_bytes + (plain ? 8 : 16);
    CHECK(pair.one.overhead() == overhead);
    for (std::uint64_t n = 0; n < 3; ++n) {
        CHECK(pair.one.next_counter() == n);
        auto packet = sealed(pair.one, frames);
        CHECK(packet.size() == frames.size() + overhead);
        const auto header = wire::decode_transport(packet);
        CHECK(header->receiver == 200);
        CHECK(header->counter == n);
        const auto inside = pair.two.open(packet);
        REQUIRE(inside);
        CHECK(to_bytes(*inside) == frames);
        CHECK(inside->data() == packet.data() + wire::transport_header_bytes);
    }
    CHECK(opened(pair.two, sealed(pair.one, {})).value().empty());
    CHECK(gets_through(pair.two, pair.one));
}

TEST_CASE("several packets are put behind each other in one buffer", "[session_ciphers]") {
    ciphers pair;
    bytes batch;
    for (int i = 0; i < 3; ++i) {
        const auto place = batch.size();
        batch.resize(place + wire::transport_header_bytes);
        batch.insert(batch.end(), frames.begin(), frames.end());
        REQUIRE(pair.one.seal(batch, place));
    }
    const auto each = frames.size() + pair.one.overhead();
    REQUIRE(batch.size() == 3 * each);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(to_bytes(pair.two.open(bytes_span(batch).subspan(i * each, each)).value()) == frames);
    }
}

TEST_CASE("sealing moves no buffer that has room", "[session_ciphers]") {
    ciphers pair;
    bytes packet;
    packet.reserve(1200);
    packet.resize(1200 - noise::tag_bytes);
    const auto* before = packet.data();
    REQUIRE(pair.one.seal(packet));
    CHECK(packet.data() == before);
    CHECK(packet.size() == 1200);
}

TEST_CASE("a packet that was changed or cut anywhere does not open", "[session_ciphers]") {
    ciphers pair;
    const auto good = sealed(pair.one, frames);
    for (std::size_t i = 0; i < 8 * good.size(); ++i) {
        auto changed = good;
        changed[i / 8] ^= static_cast<std::uint8_t>(1U << (i % 8));
        CAPTURE(i);
        CHECK_FALSE(opened(pair.two, changed));
    }
    for (std::size_t size = 0; size < good.size(); ++size) {
        CHECK_FALSE(opened(pair.two, to_bytes(bytes_view(good).first(size))));
    }
    CHECK_FALSE(opened(pair.one, good));
    CHECK(opened(pair.two, good));
}

TEST_CASE("a plain packet needs the tag and the index of the session", "[session_ciphers]") {
    ciphers pair(true);
    const auto good = sealed(pair.one, frames);
    for (std::size_t at = 0; at < good.size(); ++at) {
        auto changed = good;
        changed[at] ^= 1U;
        const bool said_by_anybody = at >= 8 && at < good.size() - 8;  // the number and the frames
        CAPTURE(at);
        CHECK(opened(pair.two, changed).has_value() == said_by_anybody);
    }
    CHECK(opened(pair.two, to_bytes(bytes_view(good).first(wire::transport_header_bytes + 7))).error() ==
          errc::truncated);
}

TEST_CASE("numbers of packets end, and the session with them", "[session_ciphers]") {
    ciphers pair;
    auto packet = sealed(pair.one, frames);
    wire::write_transport_header(bytes_span(packet).first(wire::transport_header_bytes), 200,
                                 session_ciphers::counter_end);
    CHECK(opened(pair.two, packet).error() == errc::decrypt_failed);
    // Also where nothing else protects the number.
    ciphers plain(true);
    packet = sealed(plain.one, frames);
    const auto header = bytes_span(packet).first(wire::transport_header_bytes);
    wire::write_transport_header(header, 200, session_ciphers::counter_end - 1);
    CHECK(opened(plain.two, packet));
    wire::write_transport_header(header, 200, session_ciphers::counter_end);
    CHECK_FALSE(opened(plain.two, packet));
    bytes huge(70'000);
    CHECK(pair.one.seal(huge).error() == errc::too_large);
    CHECK(huge.size() == 70'000);
    CHECK(pair.one.next_counter() == 1);
}

TEST_CASE("keys want to be replaced after a while", "[session_ciphers]") {
    ciphers pair;
    CHECK_FALSE(pair.one.wants_rekey(start + 2min - 1ns));
    CHECK(pair.one.wants_rekey(start + 2min));
    pair.one.install(keys_of(1).one, start + 3min);
    CHECK_FALSE(pair.one.wants_rekey(start + 5min - 1ns));
    CHECK(pair.one.wants_rekey(start + 5min));
    ciphers plain(true);
    CHECK_FALSE(plain.one.wants_rekey(start + 1h));
}

TEST_CASE("keys want to be replaced after so many packets", "[session_ciphers]") {
    rekey_limits limits;
    limits.packets = 3;
    session_ciphers one(keys_of(0).one, start, limits);
    for (int keys = 1; keys < 4; ++keys) {
        for (int i = 0; i < 3; ++i) {
            CHECK_FALSE(one.wants_rekey(start));
            (void)sealed(one, frames);
        }
        CHECK(one.wants_rekey(start));
        one.install(keys_of(static_cast<std::uint8_t>(keys)).one, start);
    }
    CHECK(one.next_counter() == 9);
}

TEST_CASE("a rekey loses no packet that was under way", "[session_ciphers]") {
    ciphers pair;
    CHECK(gets_through(pair.one, pair.two));
    const auto at_rest = pair.one.memory();
    const auto late_there = sealed(pair.one, frames);
    const auto late_back = sealed(pair.two, frames);

    // One begins a handshake, two answers it.
    auto fresh = keys_of(1);
    pair.two.expect(std::move(fresh.two), start + 1s);
    CHECK(indices_of(pair.two) == std::vector<std::uint32_t>{200, 201});
    CHECK(pair.two.peer_index() == 100);
    CHECK(gets_through(pair.two, pair.one));
    CHECK(gets_through(pair.one, pair.two));
    CHECK(pair.two.peer_index() == 100);

    // The answer arrives: one uses the new keys at once, two when it sees them used.
    pair.one.install(std::move(fresh.one), start + 2s);
    CHECK(pair.one.peer_index() == 201);
    CHECK(indices_of(pair.one) == std::vector<std::uint32_t>{100, 101});
    CHECK(gets_through(pair.two, pair.one));
    CHECK(gets_through(pair.one, pair.two));
    CHECK(pair.two.peer_index() == 101);
    CHECK(gets_through(pair.two, pair.one));
    CHECK(opened(pair.two, late_there).value() == frames);
    CHECK(opened(pair.one, late_back).value() == frames);

    // Numbers go on.
    CHECK(pair.one.next_counter() == 4);
    pair.one.forget_old(start + 31s);
    CHECK(indices_of(pair.one).size() == 2);
    pair.one.forget_old(start + 32s);
    pair.two.forget_old(start + 32s);
    // Who has registered an index can still find it here.
    CHECK(indices_of(pair.one) == std::vector<std::uint32_t>{100, 101});
    CHECK(pair.one.take_retired() == std::vector<std::uint32_t>{100});
    CHECK(indices_of(pair.one) == std::vector<std::uint32_t>{101});
    CHECK(pair.one.take_retired().empty());
    CHECK(pair.two.take_retired() == std::vector<std::uint32_t>{200});
    CHECK(opened(pair.two, late_there).error() == errc::decrypt_failed);
    CHECK(gets_through(pair.one, pair.two));
    CHECK(pair.one.memory() <= at_rest + sizeof(std::uint32_t));
}

TEST_CASE("a rekey whose answer was lost is begun again", "[session_ciphers]") {
    ciphers pair;
    pair.two.expect(keys_of(1).two, start + 1s);
    pair.two.expect(keys_of(2).two, start + 2s);
    CHECK(indices_of(pair.two) == std::vector<std::uint32_t>{200, 201, 202});
    CHECK(pair.two.take_retired() == std::vector<std::uint32_t>{201});
    CHECK(indices_of(pair.two) == std::vector<std::uint32_t>{200, 202});
    pair.one.install(keys_of(2).one, start + 2s);
    CHECK(gets_through(pair.one, pair.two));
    CHECK(gets_through(pair.two, pair.one));

    // Again, before the old keys have gone.
    pair.two.expect(keys_of(3).two, start + 3s);
    pair.one.install(keys_of(3).one, start + 3s);
    CHECK(gets_through(pair.one, pair.two));
    CHECK(pair.two.take_retired() == std::vector<std::uint32_t>{200});
    CHECK(indices_of(pair.two) == std::vector<std::uint32_t>{202, 203});
    CHECK(pair.one.take_retired() == std::vector<std::uint32_t>{100});
}

TEST_CASE("a forged packet confirms no new keys", "[session_ciphers]") {
    ciphers pair;
    pair.two.expect(keys_of(1).two, start);
    bytes forged(64);
    wire::write_transport_header(bytes_span(forged).first(wire::transport_header_bytes), 201, 5);
    CHECK(opened(pair.two, forged).error() == errc::decrypt_failed);
    CHECK(pair.two.peer_index() == 100);
    CHECK(gets_through(pair.one, pair.two));
}

TEST_CASE("a rekey that somebody recorded is not answered again", "[session_ciphers]") {
    ciphers pair;
    const wall_time first(std::chrono::milliseconds(1'700'000'000'000));
    CHECK(pair.one.note_rekey(first));
    CHECK_FALSE(pair.one.note_rekey(first));
    CHECK_FALSE(pair.one.note_rekey(first - 1ms));
    CHECK(pair.one.note_rekey(first + 1ms));
    CHECK_FALSE(pair.one.note_rekey(first));
}

TEST_CASE("only who knows the token resets a session", "[session_ciphers]") {
    ciphers pair(false, 9);
    wire::reset_packet reset;
    reset.index = 209;
    reset.token.fill(9);
    CHECK(pair.one.is_reset(reset));
    reset.index = 208;
    CHECK_FALSE(pair.one.is_reset(reset));
    reset.index = 209;
    reset.token[15] ^= 1U;
    CHECK_FALSE(pair.one.is_reset(reset));
    pair.one.install(keys_of(10).one, start);
    reset.index = 210;
    reset.token.fill(10);
    CHECK(pair.one.is_reset(reset));
}

}  // namespace mydht::test
