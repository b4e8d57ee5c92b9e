#include <mydht/wire/codec.hpp>

#include "two_peers.hpp"

namespace mydht::test {

namespace {

session_config preferring(const wire::any_codec& first) {
    session_config out;
    out.codecs = wire::codecs_preferring(first);
    return out;
}

item signed_item() {
    item out;
    out.kind = item_kind::mutable_value;
    out.body.resize(limits::item_body_bytes);
    for (std::size_t i = 0; i < out.body.size(); ++i) out.body[i] = static_cast<std::uint8_t>(i * 7);
    out.sig.data()[5] = 1;
    return out;
}

/// Answers a store with what was to be stored.
task<wire::message> give_back(peer_info, wire::message what) {
    wire::values out;
    if (const auto* asked = std::get_if<wire::store>(&what)) out.items.push_back(asked->what);
    co_return out;
}

struct pair_of {
    pair_of(session_config config_a, session_config config_b, carried_by how)
        : a(w, std::move(config_a), {}), b(w, std::move(config_b), give_back) {
        for (auto* one : {&a, &b}) {
            if (how == carried_by::datagrams) {
                one->pool->add_transport(network.datagrams());
            } else {
                one->pool->add_transport(network.transport());
            }
        }
        where = w.run(b.pool->listen(mem("b"))).value();
    }
    ~pair_of() {
        w.run(a.pool->stop(1s));
        w.run(b.pool->stop(1s));
    }

    world w;
    memory_network network;
    peer a;
    peer b;
    address where;
};

}  // namespace

TEST_CASE("nodes that prefer any two codecs talk, in what the one that offers prefers", "[session][codec]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    wire::store ask;
    ask.what = signed_item();
    wire::values expected;
    expected.items = {ask.what};
    for (const auto& of_a : wire::all_codecs()) {
        for (const auto& of_b : wire::all_codecs()) {
            CAPTURE(how, of_a.name(), of_b.name());
            pair_of f(preferring(of_a), preferring(of_b), how);
            auto link = f.w.run(f.a.pool->connect(f.b.at(f.where), f.a.in(5s)));
            REQUIRE(link.has_value());
            // Over a connection the one that was dialled offers, over datagrams the dialler.
            const auto offered = how == carried_by::connections ? of_b : of_a;
            CHECK(link->peer().codec == offered.id());
            const auto got = f.w.run(link->request(ask, f.a.in(5s)));
            REQUIRE(got.has_value());
            CHECK(*got == wire::message(expected));
        }
    }
}

TEST_CASE("a node that speaks the reference encoding alone talks to one that prefers another", "[session][codec]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    const bool plain_dials = GENERATE(true, false);
    CAPTURE(how, plain_dials);
    session_config alone;
    alone.codecs = {wire::capnp_codec()};
    const auto other = preferring(wire::json_codec());
    pair_of f(plain_dials ? alone : other, plain_dials ? other : alone, how);
    auto link = f.w.run(f.a.pool->connect(f.b.at(f.where), f.a.in(5s)));
    REQUIRE(link.has_value());
    CHECK(link->peer().codec == wire::codec_id::capnp);
    CHECK(f.w.run(link->request(wire::ping(), f.a.in(5s))).has_value());
}

}  // namespace mydht::test
