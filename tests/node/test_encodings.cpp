// Nodes that speak different encodings, in one network.
#include <array>
#include <memory>
#include <string>
#include <vector>

#include <mydht/sim/scenario.hpp>
#include <mydht/wire/codec.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t length = 5;

/// What the links of a chain of nodes speak, each another one: node n and node n + 1 have the n-th in common, and the
/// reference encoding, which both like less.
std::vector<wire::any_codec> codecs_of_links() {
    const auto last = wire::find_codec("protobuf");
    return {wire::bencode_codec(), wire::json_codec(), wire::cbor_codec(), last ? *last : wire::capnp_packed_codec()};
}

std::vector<wire::any_codec> spoken_by(node_index index) {
    const auto links = codecs_of_links();
    std::vector<wire::any_codec> out;
    if (index < links.size()) out.push_back(links[index]);
    if (index > 0) out.push_back(links[index - 1]);
    out.push_back(wire::capnp_codec());
    return out;
}

/// Each node passes queries on to the one before it alone.
scenario_config chain(const std::shared_ptr<std::vector<contact>>& contacts, bool datagrams) {
    scenario_config out;
    out.seed = 5;
    out.streams = !datagrams;
    out.datagrams = datagrams;
    out.configure = [contacts](node_index index, node_config& each) {
        each.sessions.codecs = spoken_by(index);
        each.forwarding.decisions.whom = [contacts, index](const travelling&, const std::vector<contact>&) {
            std::vector<contact> next;
            if (index > 0 && index <= contacts->size()) next.push_back((*contacts)[index - 1]);
            return next;
        };
    };
    return out;
}

/// The codecs of the sessions that a node has had with a peer.
std::vector<wire::codec_id> codecs_with(scenario& s, event_stream events, const node_id& peer) {
    std::vector<wire::codec_id> out;
    while (const auto event = s.run(events.next())) {
        const bool counts = event->what == node_event::kind::peer_up && event->who.who.id == peer;
        if (counts) out.push_back(event->who.codec);
    }
    return out;
}

}  // namespace

TEST_CASE("a value signed on a bencode node verifies on another behind nodes with JSON, CBOR and Protocol Buffers",
          "[travelling][codec]") {
    const bool datagrams = GENERATE(false, true);
    CAPTURE(datagrams);
    const auto contacts = std::make_shared<std::vector<contact>>();
    scenario s(chain(contacts, datagrams));
    std::vector<event_stream> events;
    for (node_index i = 0; i < length; ++i) {
        REQUIRE(s.grow(1) == 0);
        events.push_back(s.at(i).events());
        contacts->push_back(s.at(i).as_contact());
    }
    const auto author = identity::generate(*s.world().driver_environment().secure_random);
    const auto until = s.world().driver_environment().time->wall_now() + 1h;
    const auto what = value::signed_by(author, "signed here").salt("a").sequence(3).deadline(until).sign();
    REQUIRE(what);
    REQUIRE(s.run(s.at(0).put(*what, put_options().local())));

    const auto far = get_options().mode(proxied()).hops(length - 1);
    const auto got = s.run(s.at(length - 1).get(what->key(), far));
    REQUIRE(got);
    // Opening a value checks its signature.
    CHECK(got->best == *what);
    CHECK(got->best.author() == author.key());

    for (node_index i = 0; i < length; ++i) s.run(s.at(i).stop());
    const auto links = codecs_of_links();
    for (node_index i = 0; i + 1 < length; ++i) {
        CAPTURE(i, links[i].name());
        const auto seen = codecs_with(s, events[i], (*contacts)[i + 1].id);
        CHECK_FALSE(seen.empty());
        for (const auto codec : seen) CHECK(codec == links[i].id());
    }
}
