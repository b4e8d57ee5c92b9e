// Sessions whose path is wider than every path, becomes narrower, or leads elsewhere, amid a large message.
#include <algorithm>
#include <vector>

#include "datagram_peers.hpp"

namespace mydht::test {

namespace {

constexpr std::size_t base_bytes = wire::initial_bytes_min;
constexpr std::size_t answer_bytes = 900'000;

session_config wide_config() {
    session_config out;
    out.packet_bytes_max = 8952;
    return out;
}

/// A downloads from b on a path that carries packets of at most so many bytes.
struct downloading {
    explicit downloading(std::size_t path_bytes_) : path_bytes(path_bytes_), both(wide_config()) {
        both.net.packet_bytes_max = 8952;
        // With a socket that takes such packets.
        both.restart_b(wide_config());
        both.w.advance(3s);
        both.at_b.large = values_of(answer_bytes);
        auto made = both.connect();
        REQUIRE(made);
        link = *made;
        both.net.tamper = [this](packet_net::packet& one) { return pass(one); };
    }

    /// One answer; it has to be whole.
    void download(duration in = 30s) {
        const auto got = both.request(link, wire::find_value(), in);
        REQUIRE(got);
        const auto* values = std::get_if<wire::values>(&*got);
        REQUIRE(values != nullptr);
        const auto same = [](const auto& x, const auto& y) { return x.body == y.body; };
        CHECK(std::ranges::equal(values->items, both.at_b.large->items, same));
    }
    void check_same_session() {
        CHECK(both.a.closed.empty());
        CHECK(both.b.closed.empty());
        CHECK(both.a.pool->counters().dialled == 1);
        CHECK(both.b.pool->counters().accepted == 1);
        CHECK(both.ping(link));
    }

    std::size_t path_bytes;
    std::size_t passed = 0;         ///< bytes of b
    std::size_t largest = 0;        ///< packet of b that passed
    std::size_t too_large = 0;      ///< packets of b that did not
    std::size_t changes_after = 0;  ///< `change` is called once so much has passed; 0: never
    std::function<void()> change;
    std::vector<packet_net::packet> to_new_place;
    std::vector<steady_time> to_new_place_at;
    datagram_peers both;
    session link;

private:
    bool pass(const packet_net::packet& one) {
        if (one.from != mem("b")) return one.data.size() <= path_bytes;
        if (one.to == mem("moved")) {
            to_new_place.push_back(one);
            to_new_place_at.push_back(both.w.time->now());
        }
        if (one.data.size() > path_bytes) {
            ++too_large;
            return false;
        }
        largest = std::max(largest, one.data.size());
        passed += one.data.size();
        if (changes_after != 0 && passed >= changes_after) {
            changes_after = 0;
            change();
        }
        return true;
    }
};

}  // namespace

TEST_CASE("a session's packets grow to what its path carries while it has much to say", "[datagrams]") {
    struct path {
        std::size_t carries;
        std::size_t found;
    };
    // Less than what a tunnel carries; the packets of Ethernet under IPv4, less the headers; jumbo frames.
    const auto way = GENERATE(path{1300, 1232}, path{1472, 1472}, path{8952, 8952});
    CAPTURE(way.carries);
    downloading d(way.carries);
    for (int i = 0; i < 3; ++i) d.download();
    CHECK(d.largest == way.found);
    // Each size that does not pass is tried three times, and no other packet is risked.
    CHECK(d.too_large == (way.carries == 8952 ? 0 : 3));
    d.check_same_session();
    // The last answer left in packets of that size, but for its end.
    const auto before = d.both.net.sent;
    d.download();
    const auto needed = answer_bytes / way.found;
    CHECK(d.both.net.sent - before >= needed);
    CHECK(d.both.net.sent - before <= 2 * needed + 50);
}

TEST_CASE("a path that carries less from one packet to the next ends no session", "[datagrams]") {
    downloading d(8952);
    d.download();
    REQUIRE(d.largest == 8952);
    d.changes_after = d.passed + answer_bytes / 3;
    d.change = [&] { d.path_bytes = base_bytes; };
    const auto begun = d.both.w.time->now();
    d.download();
    // All of a window is lost; the questions whether anything comes through are small, and so is what follows.
    CHECK(d.both.w.time->now() - begun < 5s);
    CHECK(d.too_large < 200);
    d.check_same_session();
    const auto lost = d.too_large;
    d.largest = 0;
    d.download();
    CHECK(d.largest <= base_bytes);
    CHECK(d.too_large - lost <= 3);
    d.check_same_session();
    // Later it looks once more.
    d.path_bytes = 8952;
    for (int i = 0; i < 21; ++i) {
        d.both.w.advance(30s);
        CHECK(d.both.ping(d.link));
    }
    d.download();
    d.download();
    CHECK(d.largest == 8952);
    d.check_same_session();
}

TEST_CASE("a session moves to a new path amid a large message, and begins there as on any", "[datagrams]") {
    downloading d(8952);
    d.download();
    REQUIRE(d.largest == 8952);
    d.changes_after = d.passed + answer_bytes / 3;
    d.change = [&] {
        d.both.net.rename(mem("dialler-1"), mem("moved"));
        d.path_bytes = 1472;
    };
    const auto begun = d.both.w.time->now();
    d.download();
    CHECK(d.both.w.time->now() - begun < 15s);
    CHECK(d.both.b.pool->counters().addresses_changed == 1);
    CHECK(d.both.b.pool->find(d.both.a.self->id()).peer().observed == mem("moved"));
    d.check_same_session();
    // First the question whether the peer is there. Then no packet is larger than every path carries, but for those
    // that look whether one may be, and in the first round trip no more leaves than on a new path.
    REQUIRE(d.to_new_place.size() > 20);
    CHECK(d.to_new_place.front().data.size() < 100);
    const auto size_of = [](const packet_net::packet& one) { return one.data.size(); };
    const auto large = std::ranges::find_if(
        d.to_new_place, [](auto size) { return size >= base_bytes; }, size_of);
    REQUIRE(large != d.to_new_place.end());
    const auto first = static_cast<std::size_t>(large - d.to_new_place.begin());
    std::size_t in_first_round = 0;
    std::size_t larger = 0;
    for (auto i = first; i < d.to_new_place.size(); ++i) {
        if (d.to_new_place_at[i] - d.to_new_place_at[first] >= 20ms) break;
        in_first_round += d.to_new_place[i].data.size();
        larger += d.to_new_place[i].data.size() > base_bytes ? 1 : 0;
    }
    CHECK(larger <= 1);
    CHECK(in_first_round <= 10 * base_bytes + 1500);
    d.largest = 0;
    d.download();
    CHECK(d.largest == 1472);
}

}  // namespace mydht::test
