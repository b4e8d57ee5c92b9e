// What a peer on the way of a query can know: everything that it is sent is written down, and looked through.

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <mydht/crypto/asker_ticket.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/wire/codec.hpp>

#include "query/linked_network.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace mydht::test;
using namespace std::chrono_literals;

namespace {

/// Something that a peer was sent.
struct note {
    std::size_t from = 0;
    std::size_t to = 0;
    wire::message what;
    bytes encoded;

    [[nodiscard]] bool holds(bytes_view part) const {
        return std::search(encoded.begin(), encoded.end(), part.begin(), part.end()) != encoded.end();
    }
    /// The peer's id or key, or the address at which it is.
    [[nodiscard]] bool names(const contact& who) const {
        return holds(who.id.view()) || holds(who.peer.view()) || holds(who.addresses.front().data());
    }
    [[nodiscard]] const wire::forward* query() const { return std::get_if<wire::forward>(&what); }
};

/// A network in which everybody takes notes.
struct watched {
    explicit watched(std::size_t count, std::uint64_t seed, const travel_rules& rules = {}) : net(count, seed, rules) {
        net.regular(4);
        net.on_link = [this](std::size_t from, std::size_t to, const wire::message& what) {
            note one;
            one.from = from;
            one.to = to;
            one.what = what;
            wire::envelope around;
            around.id = 1;
            around.body = what;
            REQUIRE(wire::capnp_codec().encode(around, one.encoded));
            notes.push_back(std::move(one));
        };
    }

    [[nodiscard]] const contact& who(std::size_t i) { return net.at(i).who; }
    [[nodiscard]] const note* first_to_name(std::size_t who_is_looked_for) {
        const auto found =
            std::ranges::find_if(notes, [&](const note& each) { return each.names(who(who_is_looked_for)); });
        return found == notes.end() ? nullptr : &*found;
    }

    linked_network net;
    std::vector<note> notes;
};

constexpr std::size_t asker = 0;

/// A put, a get, one that is told of values as they come, and a lookup, all by the asker.
void ask_everything(watched& w, query_mode how) {
    const auto what = value::immutable("somewhere");
    REQUIRE(w.net.put(17, what, put_options().local()));
    REQUIRE(w.net.put(asker, value::immutable("put"), put_options().mode(how)));
    const auto before = w.notes.size();
    // Of direct queries not all come through, since few can dial the asker.
    const bool always = how != direct();
    const bool found = w.net.get(asker, what.key(), get_options().mode(how)).has_value();
    REQUIRE((found || !always));
    REQUIRE(w.notes.size() > before);
    auto options = get_options().mode(how);
    options.on_result([](const value&) {});
    const bool heard = w.net.get(asker, what.key(), options).has_value();
    REQUIRE((heard || !always));
    (void)w.net.complete(w.net.at(asker).queries.lookup(w.who(23).id, get_options().mode(how)));
}

}  // namespace

TEST_CASE("a proxied query without a trace names nobody, and everybody sees its neighbours only", "[reveals]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    travel_rules rules;
    rules.trace_max = 0;
    watched w(80, seed, rules);
    ask_everything(w, proxied());
    for (std::size_t i = 0; i < w.net.peers.size(); ++i) {
        // But for the peer that is looked for.
        if (i == 23) continue;
        CAPTURE(i);
        CHECK(w.first_to_name(i) == nullptr);
    }
    // Whom the asker knows it need not ask for.
    const bool known = w.net.links.contains(std::minmax<std::size_t>(asker, 23));
    CHECK((w.first_to_name(23) == nullptr) == known);
    for (const auto& each : w.notes) {
        CHECK(w.net.links.contains(std::minmax(each.from, each.to)));
        if (const auto* query = each.query()) {
            CHECK_FALSE(query->asker);
            CHECK(query->trace.empty());
        }
    }
}

TEST_CASE("the trace of a proxied query names peers that passed it on, and never its asker", "[reveals]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    watched w(80, seed);
    ask_everything(w, proxied());
    CHECK(w.first_to_name(asker) == nullptr);
    std::size_t named = 0;
    for (const auto& each : w.notes) {
        const auto* query = each.query();
        if (query == nullptr) continue;
        CHECK(query->trace.empty() == (each.from == asker));
        if (query->trace.empty()) continue;
        ++named;
        CHECK(query->trace.back() == w.who(each.from).id);
        // Each of them was sent the query with the trace as it was then, by the one before it.
        for (std::size_t i = 1; i < query->trace.size(); ++i) {
            const auto earlier = w.net.places.at(query->trace[i - 1]);
            const auto later = w.net.places.at(query->trace[i]);
            CHECK(w.net.links.contains(std::minmax(earlier, later)));
        }
    }
    CHECK(named > 0);
}

TEST_CASE("a direct query shows everybody who gets it the asker's ticket, and no other peer", "[reveals]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    watched w(80, seed);
    ask_everything(w, direct());
    std::size_t queries = 0;
    for (const auto& each : w.notes) {
        const auto* query = each.query();
        if (query == nullptr) continue;
        ++queries;
        REQUIRE(query->asker);
        const auto ticket = open_ticket(query->asker->body, query->asker->sig, w.net.env.time->wall_now(), 60s);
        REQUIRE(ticket);
        CHECK(ticket->asker == w.who(asker).peer);
        CHECK(ticket->addresses == w.who(asker).addresses);
        CHECK(each.names(w.who(asker)));
        CHECK(query->trace.empty());
        for (std::size_t i = 1; i < w.net.peers.size(); ++i) {
            if (i != 23 && each.names(w.who(i))) FAIL_CHECK(i << " is named");
        }
    }
    CHECK(queries > 20);
}

TEST_CASE("of a mixed query the first peers see no ticket, and the others that of the last of these", "[reveals]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    for (const int proxies : {1, 2, 3}) {
        CAPTURE(proxies);
        watched w(80, seed);
        ask_everything(w, mixed(static_cast<std::uint8_t>(proxies)));
        CHECK(w.first_to_name(asker) == nullptr);
        // Who may sign: those that got it as the last proxy.
        std::set<node_id> last;
        for (const auto& each : w.notes) {
            const auto* query = each.query();
            if (query != nullptr && query->proxy_hops == 1) last.insert(w.who(each.to).id);
        }
        std::array<std::size_t, 2> with_and_without{};
        for (const auto& each : w.notes) {
            const auto* query = each.query();
            if (query == nullptr) continue;
            ++with_and_without[query->asker ? 0 : 1];
            CHECK(query->asker.has_value() == (query->proxy_hops == 0));
            if (each.from == asker) CHECK(query->proxy_hops == proxies);
            if (!query->asker) continue;
            const auto ticket = open_ticket(query->asker->body, query->asker->sig, w.net.env.time->wall_now(), 60s);
            REQUIRE(ticket);
            CHECK(last.contains(node_id_of(ticket->asker)));
            CHECK(query->trace.empty());
        }
        CHECK(with_and_without[0] > 0);
        CHECK(with_and_without[1] > 0);
    }
}

TEST_CASE("a hidden query names nobody, and its walks have nothing in common but the key", "[reveals]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    watched w(80, seed);
    const auto what = value::immutable("somewhere");
    REQUIRE(w.net.put(17, what, put_options().local()));
    (void)w.net.get(asker, what.key(), get_options().hide());
    REQUIRE(w.notes.size() > 10);
    for (std::size_t i = 0; i < w.net.peers.size(); ++i) CHECK(w.first_to_name(i) == nullptr);
    // Whoever is sent a tag by the asker sees it from nobody else.
    std::map<loop_tag, std::set<std::size_t>> begun;
    for (const auto& each : w.notes) {
        if (each.query() != nullptr && each.from == asker) begun[each.query()->tag].insert(each.to);
    }
    CHECK(begun.size() > 1);
}
