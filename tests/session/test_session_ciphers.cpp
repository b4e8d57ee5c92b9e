#include "session/session_ciphers.hpp"

#include <algorithm>
#include <optional>

#include <mydht/core/random.hpp>

#include "datagram_sides.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

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

result<bytes> opened(session_ciphers& with, bytes packet, steady_time now = start) {
    const auto plain = with.open(packet, now);
    if (!plain) return failure(plain.error());
    return to_bytes(*plain);
}

const bytes frames = to_bytes("some frames");

bool gets_through(session_ciphers& from, session_ciphers& to, steady_time now = start) {
    const auto got = opened(to, sealed(from, frames), now);
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
        const auto inside = pair.two.open(packet, start);
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
        CHECK(to_bytes(pair.two.open(bytes_span(batch).subspan(i * each, each), start).value()) == frames);
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
    CHECK(pair.one.note_rekey(100, some_time, start));
    CHECK_FALSE(pair.one.note_rekey(100, some_time, start));
    CHECK_FALSE(pair.one.note_rekey(100, some_time - 1ms, start));
    CHECK(pair.one.note_rekey(100, some_time + 1ms, start));
    CHECK_FALSE(pair.one.note_rekey(100, some_time, start));
}

TEST_CASE("a rekey names the newest keys, and never those of a plain link", "[session_ciphers]") {
    ciphers pair;
    CHECK_FALSE(pair.two.note_rekey(100, some_time, start));  // the peer's own index
    CHECK(pair.two.note_rekey(200, some_time, start));        // a refused one has left no stamp
    pair.two.expect(keys_of(1).two, start);
    pair.one.install(keys_of(1).one, start);
    REQUIRE(gets_through(pair.one, pair.two));
    CHECK_FALSE(pair.two.note_rekey(200, some_time + 1ms, start));
    CHECK(pair.two.note_rekey(201, some_time + 1ms, start));
    ciphers plain(true);
    CHECK_FALSE(plain.two.note_rekey(200, some_time, start));
}

TEST_CASE("a clock that is set back stops no rekey", "[session_ciphers]") {
    ciphers pair;
    for (const auto now : {some_time, some_time - 24h, some_time - 24h, some_time + 1ms, some_time + 1h}) {
        const auto stamp = pair.one.stamp_rekey(now);
        CHECK(stamp >= now);
        CHECK(stamp <= std::max(now, some_time + 3ms));
        CHECK(pair.two.note_rekey(200, stamp, start));
    }
}

TEST_CASE("keys that were not confirmed before the next ones are not lost", "[session_ciphers]") {
    ciphers pair;
    // The answer arrives, and then nothing of what one says under the new keys.
    REQUIRE(pair.two.note_rekey(200, some_time, start));
    pair.two.expect(keys_of(1).two, start);
    pair.one.install(keys_of(1).one, start);
    (void)sealed(pair.one, frames);
    CHECK_FALSE(pair.one.confirmed());
    // What two still says opens for however long it takes.
    pair.one.forget_old(start + 10min);
    CHECK(gets_through(pair.two, pair.one));
    CHECK_FALSE(pair.one.confirmed());

    // One begins again, and its handshake says what keys it uses; the answer to it is lost.
    REQUIRE(pair.two.note_rekey(201, some_time + 2min, start + 2min));
    CHECK(pair.two.peer_index() == 101);
    pair.two.expect(keys_of(2).two, start + 2min);
    CHECK(gets_through(pair.one, pair.two));
    CHECK(gets_through(pair.two, pair.one));
    CHECK(pair.one.confirmed());
    CHECK(pair.two.peer_index() == 101);
}

TEST_CASE("the responder keeps the old keys for a time after it has taken the new ones", "[session_ciphers]") {
    ciphers pair;
    pair.two.expect(keys_of(1).two, start);
    const auto late = sealed(pair.one, frames);
    pair.one.install(keys_of(1).one, start);
    const auto used = start + 40s;  // the packets before were lost
    REQUIRE(gets_through(pair.one, pair.two, used));
    pair.two.forget_old(used + 30s - 1ns);
    CHECK(opened(pair.two, late));
    pair.two.forget_old(used + 30s);
    CHECK_FALSE(opened(pair.two, late));
    // But the age of keys is that of their handshake.
    CHECK(pair.two.wants_rekey(start + 2min));
}

namespace {

/// One side begins handshakes, as a session does, and the way between them loses, repeats and reorders all.
class rekeying {
public:
    explicit rekeying(std::uint64_t seed) : random_(seed) {}

    void step() {
        now_ += std::chrono::milliseconds(random_.below(3000));
        switch (random_.below(8)) {
            case 0: begin(); break;
            case 1: attempt_.reset(); break;
            case 2: take_initial(); break;
            case 3: take_answer(); break;
            case 4: say(pair_.one, to_two_); break;
            case 5: say(pair_.two, to_one_); break;
            case 6: take(to_two_, pair_.two); break;
            default: take(to_one_, pair_.one);
        }
        pair_.one.forget_old(now_);
        pair_.two.forget_old(now_);
        (void)pair_.one.take_retired();
        (void)pair_.two.take_retired();
    }
    /// What either side says now opens at the other. Changes nothing that a packet under way could not have.
    [[nodiscard]] bool agree() {
        const bool there = opened(pair_.two, sealed(pair_.one, frames), now_).has_value();
        return opened(pair_.one, sealed(pair_.two, frames), now_).has_value() && there;
    }
    [[nodiscard]] bool opens(bool at_two) {
        auto& from = at_two ? pair_.one : pair_.two;
        auto& to = at_two ? pair_.two : pair_.one;
        const auto header = wire::decode_transport(sealed(from, frames));
        return std::ranges::count(to.indices(), header->receiver) == 1;
    }
    [[nodiscard]] int installed() const { return installed_; }

private:
    struct initial {
        std::uint8_t keys = 0;
        std::uint32_t named = 0;
        wall_time stamp{};
    };

    template <typename T>
    std::optional<T> any_of(const std::vector<T>& from) {
        if (from.empty()) return std::nullopt;
        // Mostly the newest, so that things go on.
        return random_.below(4) != 0 ? from.back() : from[random_.below(from.size())];
    }
    void begin() {
        if (made_ == 50) return;
        attempt_ = ++made_;
        // The clock goes anywhere.
        const auto clock = some_time + std::chrono::milliseconds(random_.below(1000));
        initials_.push_back({*attempt_, pair_.one.peer_index(), pair_.one.stamp_rekey(clock)});
    }
    void take_initial() {
        const auto got = any_of(initials_);
        if (!got || !pair_.two.note_rekey(got->named, got->stamp, now_)) return;
        pair_.two.expect(keys_of(got->keys).two, now_);
        answers_.push_back(got->keys);
    }
    void take_answer() {
        const auto got = any_of(answers_);
        if (!got || got != attempt_) return;
        pair_.one.install(keys_of(*got).one, now_);
        attempt_.reset();
        ++installed_;
    }
    void say(session_ciphers& from, std::vector<bytes>& way) { way.push_back(sealed(from, frames)); }
    void take(const std::vector<bytes>& way, session_ciphers& at) {
        // Of old keys or of present ones; both sides live through it.
        if (const auto got = any_of(way)) (void)opened(at, *got, now_);
    }

    prng random_;
    ciphers pair_;
    steady_time now_ = start;
    std::uint8_t made_ = 0;
    int installed_ = 0;
    std::optional<std::uint8_t> attempt_;
    std::vector<initial> initials_;
    std::vector<std::uint8_t> answers_;
    std::vector<bytes> to_one_;
    std::vector<bytes> to_two_;
};

}  // namespace

TEST_CASE("whatever happens to handshakes for new keys, each side opens what the other seals", "[session_ciphers]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    int installed = 0;
    for (std::uint64_t walk = 0; walk < 500; ++walk) {
        CAPTURE(walk);
        rekeying both(seed + walk);
        for (int i = 0; i < 200; ++i) {
            both.step();
            REQUIRE(both.opens(true));
            REQUIRE(both.opens(false));
        }
        REQUIRE(both.agree());
        installed += both.installed();
    }
    CHECK(installed > 500);
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
