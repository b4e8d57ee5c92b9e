#include "wire/future_messages.hpp"

#include <capnp/serialize-packed.h>

#include "support/catch.hpp"
#include "wire/future_capnp.hpp"

namespace mydht::test {

using namespace wire;

namespace {

// --- by the schema of Cap'n Proto ------------------------------------------------------------------------------------

std::vector<std::pair<bytes, envelope>> messages_with_unknown_fields() {
    using future::Envelope;
    using future::Role;
    std::vector<std::pair<bytes, envelope>> out;
    const auto add = [&](Role role, message expected, auto fill) {
        out.emplace_back(from_the_future(role, fill), envelope{newer_messages::id, std::move(expected)});
    };
    add(Role::REQUEST, ping{}, [](Envelope::Builder to) { to.getBody().setPing(); });
    add(Role::REQUEST, find_node{filled_target(), 5}, [](Envelope::Builder to) {
        auto body = to.getBody().initFindNode();
        fill_target(body.getTarget());
        body.setKinds(5);
        body.setWanted(7);
        body.initProof(100);
    });
    add(Role::REQUEST, store{filled_target(), filled_item(), 77}, [](Envelope::Builder to) {
        auto body = to.getBody().initStore();
        fill_target(body.getTarget());
        fill_item(body.initItem());
        body.getExpected().setSequence(77);
        body.setLease(1);
    });
    add(Role::NOTICE, cancel{}, [](Envelope::Builder to) { to.getBody().setCancel(); });
    add(Role::ANSWER, nodes{{filled_contact(), filled_contact()}}, [](Envelope::Builder to) {
        auto body = to.getBody().initNodes();
        body.setEstimate(1000);
        auto contacts = body.initContacts(2);
        fill_contact(contacts[0]);
        fill_contact(contacts[1]);
    });
    add(Role::ANSWER, values{{filled_item()}, {filled_contact()}}, [](Envelope::Builder to) {
        auto body = to.getBody().initValues();
        fill_item(body.initItems(1)[0]);
        fill_contact(body.initContacts(1)[0]);
        body.initNext(9);
    });
    add(Role::ANSWER, stored{wall_time(std::chrono::milliseconds(3))}, [](Envelope::Builder to) {
        auto body = to.getBody().initStored();
        body.setDeadline(3);
        body.setCopies(4);
    });
    return out;
}

void fill_dance(future::Envelope::Builder to) { to.getBody().initDance().initSteps(5).set(2, "left"); }

newer_messages capnp_to_come() {
    using future::Envelope;
    using future::Role;
    const auto dance = [](Envelope::Builder to) { fill_dance(to); };
    newer_messages out;
    out.unknown_request = from_the_future(Role::REQUEST, dance);
    out.unknown_answer = from_the_future(Role::ANSWER, dance);
    out.unknown_notice = from_the_future(Role::NOTICE, dance);
    out.newer_version = from_the_future(Role::REQUEST, [](Envelope::Builder to) {
        to.setVersion(2);
        to.getBody().setPing();
    });
    out.unknown_error_code = from_the_future(Role::ANSWER, [](Envelope::Builder to) {
        auto body = to.getBody().initError();
        body.setCode(1000);
        body.setText("later");
        body.setRetryAfter(5);
    });
    out.wrong_role = from_the_future(Role::ANSWER, [](Envelope::Builder to) { to.getBody().setPing(); });
    out.unknown_fields = messages_with_unknown_fields();
    return out;
}

/// As capnp's own tools pack.
bytes pack(const bytes& flat) {
    kj::VectorOutputStream out;
    {
        capnp::_::PackedOutputStream to(out);
        to.write(flat.data(), flat.size());
    }
    return {out.getArray().begin(), out.getArray().end()};
}

newer_messages packed_to_come() {
    auto out = capnp_to_come();
    for (auto* one : {&out.unknown_request, &out.unknown_answer, &out.unknown_notice, &out.newer_version,
                      &out.unknown_error_code, &out.wrong_role}) {
        *one = pack(*one);
    }
    for (auto& [data, expected] : out.unknown_fields) data = pack(data);
    return out;
}

// --- by structs that describe themselves -----------------------------------------------------------------------------

bytes to_come(const any_codec& codec, message_role role, future::body body, std::uint8_t version = 1,
              std::uint64_t id = newer_messages::id) {
    future::envelope from;
    from.id = id;
    from.version = version;
    from.role = role;
    from.body = std::move(body);
    from.sent_at = -7;
    bytes out;
    REQUIRE(codec.encode_value(from, out).has_value());
    return out;
}

future::nodes nodes_to_come() {
    future::contact one;
    one.peer.data()[0] = 9;
    one.capabilities = 1;
    one.addresses = {address::ipv4(address_kind::udp, {127, 0, 0, 1}, 4000)};
    one.motto = "to be passed over";
    one.extras.resize(2);
    one.extras[0].weight = 0.5;
    one.extras[1].numbers = {1, 2, 3};
    future::nodes out;
    out.contacts = {one};
    out.summary.emplace().weight = 1e300;
    return out;
}

newer_messages described_to_come(const any_codec& codec) {
    newer_messages out;
    const future::gossip unknown{"they say"};
    out.unknown_request = to_come(codec, message_role::request, unknown);
    out.unknown_answer = to_come(codec, message_role::answer, unknown);
    out.unknown_notice = to_come(codec, message_role::notice, unknown);
    out.newer_version = to_come(codec, message_role::request, unknown, 2);
    out.unknown_error_code = to_come(codec, message_role::answer, future::error{60'000, "later", true});
    out.wrong_role = to_come(codec, message_role::answer, ping());
    const auto from = nodes_to_come();
    nodes known;
    known.contacts = {contact_of(from.contacts[0].peer, 1, from.contacts[0].addresses)};
    out.unknown_fields.emplace_back(to_come(codec, message_role::answer, from), envelope{newer_messages::id, known});
    return out;
}

}  // namespace

newer_messages messages_to_come(const any_codec& codec) {
    if (codec == capnp_codec()) return capnp_to_come();
    return codec == capnp_packed_codec() ? packed_to_come() : described_to_come(codec);
}

bytes unknown_answer_to(const any_codec& codec, std::uint64_t id) {
    const bool is_packed = codec == capnp_packed_codec();
    if (!is_packed && codec != capnp_codec())
        return to_come(codec, message_role::answer, future::gossip{"they say"}, 1, id);
    const auto made = from_the_future(future::Role::ANSWER, [id](future::Envelope::Builder to) {
        to.setId(id);
        fill_dance(to);
    });
    return is_packed ? pack(made) : made;
}

}  // namespace mydht::test
