#include "query/fake_network.hpp"

using namespace mydht;
using namespace mydht::test;

namespace {

peer_info stranger(fake_network& net, address observed) {
    peer_info out;
    out.who = net.asker.who;
    out.observed = observed;
    out.proven = true;
    return out;
}

address loopback(std::uint16_t port) { return address::ipv4(address_kind::tcp, {127, 0, 0, 1}, port); }
address far_away() { return address::ipv4(address_kind::tcp, {198, 51, 100, 7}, 4000); }

wire::message ask(fake_network& net, responder& who, wire::message what, address observed = loopback(1)) {
    return net.complete(who.answer(stranger(net, observed), std::move(what)));
}

wire::error_code code_of(const wire::message& answer) {
    const auto* error = std::get_if<wire::error>(&answer);
    REQUIRE(error != nullptr);
    return error->code;
}

wire::store order_of(fake_network& net, const value& what) {
    wire::store out;
    out.target = what.key();
    out.what = what.with_deadline(net.env.time->wall_now() + std::chrono::hours(1)).to_item();
    return out;
}

}  // namespace

TEST_CASE("a pong names the observed address", "[responder]") {
    fake_network net(2);
    auto& who = net.peers.begin()->second->answers;
    const auto answer = ask(net, who, wire::ping(), far_away());
    CHECK(std::get<wire::pong>(answer).observed == far_away());
}

TEST_CASE("find_node names at most k contacts of a kind and scope that the asker can use, and not the asker",
          "[responder]") {
    fake_network net(40);
    auto& who = *net.peers.begin()->second;
    who.table.insert_verified(net.asker.who, net.asker.who.addresses.front(), net.env.time->now());
    wire::find_node question;
    question.target = net.asker.who.id;
    question.kinds = wire::mask_of(address_kind::tcp);
    const auto near = std::get<wire::nodes>(ask(net, who.answers, question)).contacts;
    CHECK(near.size() == 20);
    for (const auto& each : near) CHECK(each.id != net.asker.who.id);

    // Loopback addresses are of no use to who is far away, and none of our business to tell.
    CHECK(std::get<wire::nodes>(ask(net, who.answers, question, far_away())).contacts.empty());
    question.kinds = wire::mask_of(address_kind::tor);
    CHECK(std::get<wire::nodes>(ask(net, who.answers, question)).contacts.empty());
}

TEST_CASE("a contact that did not answer last time is named only after all others", "[responder]") {
    fake_network net(40);
    auto& who = *net.peers.begin()->second;
    const auto doubtful = who.table.closest(net.peers.rbegin()->first, 1).front().id;
    wire::find_node question;
    question.target = doubtful;
    question.kinds = wire::mask_of(address_kind::tcp);
    const auto named = [&] { return std::get<wire::nodes>(ask(net, who.answers, question)).contacts; };
    CHECK(named().front().id == doubtful);
    who.table.request_failed(doubtful);
    REQUIRE(named().size() == 20);
    for (const auto& each : named()) CHECK(each.id != doubtful);
    who.table.answered(doubtful, net.env.time->now());
    CHECK(named().front().id == doubtful);

    // In a small network the doubtful are better than nobody.
    fake_network few(10);
    auto& one = *few.peers.begin()->second;
    question.target = few.peers.rbegin()->first;
    one.table.request_failed(question.target);
    const auto all = std::get<wire::nodes>(ask(few, one.answers, question)).contacts;
    REQUIRE(all.size() == 9);
    CHECK(all.back().id == question.target);
}

TEST_CASE("a store is judged before it is kept, and a refusal says why", "[responder]") {
    fake_network net(2);
    auto& who = *net.peers.begin()->second;
    const auto good = value::immutable("hello");

    auto order = order_of(net, good);
    order.target = {};
    CHECK(code_of(ask(net, who.answers, order)) == wire::error_code::bad_signature);
    order = order_of(net, value::immutable("hello", "unheard of"));
    CHECK(code_of(ask(net, who.answers, order)) == wire::error_code::refused);
    order = order_of(net, good);
    order.what.deadline = net.env.time->wall_now() - std::chrono::hours(1);
    CHECK(code_of(ask(net, who.answers, order)) == wire::error_code::expired);
    order = order_of(net, good);
    order.what.body.resize(1);
    CHECK(code_of(ask(net, who.answers, order)) == wire::error_code::malformed);
    CHECK_FALSE(net.holds(who, good.key()));

    order = order_of(net, good);
    const auto kept = std::get<wire::stored>(ask(net, who.answers, order));
    CHECK(kept.deadline == order.what.deadline);
    CHECK(net.holds(who, good.key()));
}

TEST_CASE("a client answers pings and nothing else", "[responder]") {
    fake_network net(1);
    auto& peer = *net.peers.begin()->second;
    responder client(net.env, peer.table, peer.values, net.rules, 20, true);
    CHECK(std::holds_alternative<wire::pong>(ask(net, client, wire::ping())));
    CHECK(code_of(ask(net, client, wire::find_node())) == wire::error_code::client_only);
    CHECK(code_of(ask(net, client, wire::find_value())) == wire::error_code::client_only);
    CHECK(code_of(ask(net, client, order_of(net, value::immutable("x")))) == wire::error_code::client_only);
}

TEST_CASE("every reason not to store reaches the writer as what it means", "[responder]") {
    CHECK(meaning_of(refusal_of(errc::value_stale)) == errc::value_stale);
    CHECK(meaning_of(refusal_of(errc::cas_mismatch)) == errc::cas_mismatch);
    CHECK(meaning_of(refusal_of(errc::value_expired)) == errc::value_expired);
    CHECK(meaning_of(refusal_of(errc::value_too_large)) == errc::value_too_large);
    CHECK(meaning_of(refusal_of(errc::bad_signature)) == errc::bad_signature);
    CHECK(meaning_of(refusal_of(errc::wrong_key)) == errc::bad_signature);
    CHECK(meaning_of(refusal_of(errc::invalid_value)) == errc::invalid_value);
    CHECK(meaning_of(refusal_of(errc::store_full)) == errc::store_full);
    CHECK(meaning_of(refusal_of(errc::store_failed)) == errc::peer_error);
}
