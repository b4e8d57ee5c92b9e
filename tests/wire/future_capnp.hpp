#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <mydht/core/item.hpp>
#include <mydht/crypto/ids.hpp>

#include "wire/codec_conformance.hpp"
#include "wire/future.capnp.h"

/// What a node with a later version of the schema may send.
namespace mydht::test {

inline bytes flat(capnp::MessageBuilder& message) {
    const auto words = capnp::messageToFlatArray(message);
    const auto data = words.asBytes();
    return {data.begin(), data.end()};
}

/// An envelope of the later schema whose body `fill` makes, with its new fields set.
template <typename Fill>
bytes from_the_future(future::Role role, Fill fill) {
    capnp::MallocMessageBuilder message;
    auto root = message.initRoot<future::Envelope>();
    root.setId(newer_messages::id);
    root.setVersion(1);
    root.setRole(role);
    root.setCookie(capnp::Data::Reader(reinterpret_cast<const kj::byte*>("cookie"), 6));
    root.setUrgency(~std::uint64_t{0});
    fill(root);
    return flat(message);
}

template <typename Builder>
inline void fill_target(Builder to) {
    to.setWord0(1);
    to.setWord1(2);
    to.setWord2(3);
    to.setWord3(0x0807060504030201);
}

inline id256 filled_target() {
    id256 out;
    out.data()[0] = 1;
    out.data()[8] = 2;
    out.data()[16] = 3;
    for (std::size_t i = 0; i < 8; ++i) out.data()[24 + i] = static_cast<std::uint8_t>(i + 1);
    return out;
}

inline void fill_item(future::Item::Builder to) {
    to.setKind(2);
    to.setDeadline(-5);
    to.setBody(capnp::Data::Reader(reinterpret_cast<const kj::byte*>("body"), 4));
    to.setPriority(9);
    to.initWitness(3);
}

inline item filled_item() {
    item out;
    out.kind = item_kind::mutable_value;
    out.deadline = wall_time(std::chrono::milliseconds(-5));
    out.body = to_bytes("body");
    return out;
}

inline void fill_contact(future::Contact::Builder to) {
    fill_target(to.getKey());
    to.setCapabilities(0x80000001);
    const kj::byte packed[] = {1, 6, 127, 0, 0, 1, 0x0f, 0xa0, 99, 1, 7};
    to.setAddresses(capnp::Data::Reader(packed, sizeof packed));
    to.setRoundTrip(1);
    to.setName("somebody");
}

inline contact filled_contact() {
    const auto unknown_kind = address::from_bytes(address_kind{99}, std::array<std::uint8_t, 1>{7}).value();
    return contact_of(public_key(filled_target().data()), 0x80000001,
                      {address::ipv4(address_kind::tcp, {127, 0, 0, 1}, 4000), unknown_kind});
}

}  // namespace mydht::test
