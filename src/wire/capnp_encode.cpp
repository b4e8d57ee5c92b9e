#include <capnp/message.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <vector>

#include "wire/address_list.hpp"
#include "wire/capnp_codec.hpp"
#include "wire/capnp_segments.hpp"
#include "wire/little_endian.hpp"
#include "wire/mydht.capnp.h"

namespace mydht::wire {

namespace {

constexpr std::uint8_t schema_version = 1;

constexpr std::size_t words_of(std::size_t size) noexcept { return (size + capnp_word_bytes - 1) / capnp_word_bytes; }

// --- sizes: a bound on the words that a message takes, so that it is written into one segment where it is sent from --

/// Words of a struct with the pointer or the list tag that leads to it.
template <typename Struct>
constexpr std::size_t struct_words = 1 + Struct::_capnpPrivate::dataWordSize + Struct::_capnpPrivate::pointerCount;

std::size_t words_bound(const item& what) noexcept {
    return struct_words<schema::Item> + words_of(what.body.size()) + words_of(signature::size);
}

std::size_t words_bound(const std::vector<contact>& contacts) noexcept {
    auto out = 1 + contacts.size() * struct_words<schema::Contact>;
    for (const auto& one : contacts) out += words_of(packed_size(one.addresses));
    return out;
}

std::size_t words_bound(const std::vector<item>& items) noexcept {
    std::size_t out = 1;
    for (const auto& one : items) out += words_bound(one);
    return out;
}

struct body_words {
    std::size_t operator()(const ping&) const noexcept { return 0; }
    std::size_t operator()(const find_node&) const noexcept { return struct_words<schema::FindNode>; }
    std::size_t operator()(const find_value&) const noexcept { return struct_words<schema::FindValue>; }
    std::size_t operator()(const store& m) const noexcept { return struct_words<schema::Store> + words_bound(m.what); }
    std::size_t operator()(const request& m) const noexcept {
        return struct_words<schema::Request> + words_of(m.service.size()) + words_of(m.body.size());
    }
    std::size_t operator()(const forward& m) const noexcept {
        const auto goal = std::visit([this](const auto& each) { return (*this)(each); }, m.goal);
        const auto ticket = m.asker ? words_of(m.asker->body.size()) + words_of(signature::size) : 0;
        return struct_words<schema::Forward> + goal + words_of(m.trace.size() * node_id::size) + ticket;
    }
    std::size_t operator()(const deliver& m) const noexcept { return struct_words<schema::Deliver> + (*this)(m.what); }
    std::size_t operator()(const cancel&) const noexcept { return 0; }
    std::size_t operator()(const pong& m) const noexcept {
        return struct_words<schema::Pong> + words_of(packed_size(m.observed));
    }
    std::size_t operator()(const nodes& m) const noexcept {
        return struct_words<schema::Nodes> + words_bound(m.contacts);
    }
    std::size_t operator()(const values& m) const noexcept {
        return struct_words<schema::Values> + words_bound(m.items) + words_bound(m.contacts);
    }
    std::size_t operator()(const stored&) const noexcept { return struct_words<schema::Stored>; }
    std::size_t operator()(const gathered& m) const noexcept {
        return struct_words<schema::Gathered> + words_bound(m.items) + words_bound(m.contacts);
    }
    std::size_t operator()(const delivered&) const noexcept { return 0; }
    std::size_t operator()(const error& m) const noexcept {
        return struct_words<schema::Error> + words_of(m.text.size() + 1);
    }
};

// --- fields ----------------------------------------------------------------------------------------------------------

template <typename Builder>
void write_point(Builder to, bytes_view point) {
    to.setWord0(load_little_endian(point.subspan(0, 8)));
    to.setWord1(load_little_endian(point.subspan(8, 8)));
    to.setWord2(load_little_endian(point.subspan(16, 8)));
    to.setWord3(load_little_endian(point.subspan(24, 8)));
}

capnp::Data::Reader data_of(bytes_view data) noexcept { return {data.data(), data.size()}; }

void write_contacts(capnp::List<schema::Contact>::Builder to, const std::vector<contact>& contacts) {
    for (unsigned i = 0; i < to.size(); ++i) {
        const auto& from = contacts[i];
        auto one = to[i];
        write_point(one.getKey(), from.peer.view());
        one.setCapabilities(from.capabilities);
        if (from.addresses.empty()) continue;
        auto* place = one.initAddresses(static_cast<unsigned>(packed_size(from.addresses))).begin();
        for (const auto& a : from.addresses) place = write_address(place, a);
    }
}

void write_item(schema::Item::Builder to, const item& from) {
    to.setKind(static_cast<std::uint8_t>(from.kind));
    to.setDeadline(from.deadline.time_since_epoch().count());
    if (!from.body.empty()) to.setBody(data_of(from.body));
    if (from.sig != signature{}) to.setSignature(data_of(from.sig.view()));
}

template <typename Parent>
void write_lists(Parent to, const std::vector<item>& items, const std::vector<contact>& contacts) {
    if (!items.empty()) {
        auto list = to.initItems(static_cast<unsigned>(items.size()));
        for (unsigned i = 0; i < list.size(); ++i) write_item(list[i], items[i]);
    }
    if (!contacts.empty()) write_contacts(to.initContacts(static_cast<unsigned>(contacts.size())), contacts);
}

/// Write a query into a union that has it: that of the envelope, or that of a forwarded query.
template <typename Union>
void write_query(Union to, const find_node& m) {
    auto query = to.initFindNode();
    write_point(query.getTarget(), m.target.view());
    query.setKinds(m.kinds);
}
template <typename Union>
void write_query(Union to, const find_value& m) {
    auto query = to.initFindValue();
    write_point(query.getTarget(), m.target.view());
    query.setKinds(m.kinds);
}
template <typename Union>
void write_query(Union to, const store& m) {
    auto query = to.initStore();
    write_point(query.getTarget(), m.target.view());
    write_item(query.initItem(), m.what);
    if (m.expected_sequence) query.getExpected().setSequence(*m.expected_sequence);
}

void write_query(schema::Forward::Goal::Builder to, const request& m) {
    auto query = to.initRequest();
    write_point(query.getTarget(), m.target.view());
    if (!m.service.empty()) query.setService(data_of(as_bytes(m.service)));
    if (!m.body.empty()) query.setBody(data_of(m.body));
}

template <typename Builder>
void write_tag(Builder to, const loop_tag& tag) {
    to.setWord0(load_little_endian(tag.view().first(8)));
    to.setWord1(load_little_endian(tag.view().subspan(8)));
}

void write_gathered(schema::Gathered::Builder to, const gathered& m) {
    to.setOutcome(static_cast<std::uint8_t>(m.outcome));
    to.setCopies(m.copies);
    to.setDelivered(m.delivered);
    to.setCopyLeft(static_cast<std::uint32_t>(m.copy_left.count()));
    write_lists(to, m.items, m.contacts);
}

class body_writer_of {
public:
    explicit body_writer_of(schema::Envelope::Body::Builder to) noexcept : to_(to) {}

    void operator()(const ping&) { to_.setPing(); }
    void operator()(const find_node& m) { write_query(to_, m); }
    void operator()(const find_value& m) { write_query(to_, m); }
    void operator()(const store& m) { write_query(to_, m); }
    void operator()(const forward& m) {
        auto to = to_.initForward();
        write_tag(to.getTag(), m.tag);
        std::visit([goal = to.getGoal()](const auto& each) { write_query(goal, each); }, m.goal);
        to.setLifetime(static_cast<std::uint32_t>(m.lifetime.count()));
        to.setHops(m.hops);
        to.setWander(m.wander);
        to.setFanOut(m.fan_out);
        to.setPaths(m.paths);
        to.setPriority(m.priority);
        to.setResults(m.results);
        to.setStoring(static_cast<std::uint8_t>(m.storing));
        to.setTraceMax(m.trace_max);
        to.setProxyHops(m.proxy_hops);
        to.setStream(m.stream);
        to.setHidden(m.hidden);
        if (m.asker) {
            to.setAsker(data_of(m.asker->body));
            to.setAskerSignature(data_of(m.asker->sig.view()));
        }
        if (m.trace.empty()) return;
        auto* place = to.initTrace(static_cast<unsigned>(m.trace.size() * node_id::size)).begin();
        for (const auto& id : m.trace) place = std::ranges::copy(id.data(), place).out;
    }
    void operator()(const deliver& m) {
        auto to = to_.initDeliver();
        write_tag(to.getTag(), m.tag);
        write_gathered(to.initWhat(), m.what);
    }
    void operator()(const cancel&) { to_.setCancel(); }
    void operator()(const pong& m) {
        auto to = to_.initPong();
        if (m.observed.empty()) return;
        write_address(to.initObserved(static_cast<unsigned>(packed_size(m.observed))).begin(), m.observed);
    }
    void operator()(const nodes& m) {
        auto to = to_.initNodes();
        if (m.contacts.empty()) return;
        write_contacts(to.initContacts(static_cast<unsigned>(m.contacts.size())), m.contacts);
    }
    void operator()(const values& m) { write_lists(to_.initValues(), m.items, m.contacts); }
    void operator()(const stored& m) { to_.initStored().setDeadline(m.deadline.time_since_epoch().count()); }
    void operator()(const gathered& m) { write_gathered(to_.initGathered(), m); }
    void operator()(const delivered&) { to_.setDelivered(); }
    void operator()(const error& m) {
        auto to = to_.initError();
        to.setCode(static_cast<std::uint16_t>(m.code));
        if (!m.text.empty()) to.setText(capnp::Text::Reader(m.text.c_str(), m.text.size()));
    }

private:
    schema::Envelope::Body::Builder to_;
};

/// Builds into zeroed words and returns how many were used. The bound above makes them enough: kj fails otherwise.
std::size_t build(const envelope& what, kj::ArrayPtr<capnp::word> words) {
    capnp::FlatMessageBuilder message(words);
    auto root = message.initRoot<schema::Envelope>();
    root.setId(what.id);
    root.setVersion(schema_version);
    root.setRole(static_cast<schema::Role>(role_of(what.body)));
    std::visit(body_writer_of(root.getBody()), what.body);
    const auto segments = message.getSegmentsForOutput();
    assert(segments.size() == 1);
    return segments[0].size();
}

}  // namespace

void capnp_encode(const envelope& what, bytes& out) {
    const auto words = struct_words<schema::Envelope> + std::visit(body_words{}, what.body);
    const auto table_at = out.size();
    const auto segment_at = table_at + capnp_table_bytes(1);
    out.resize(segment_at + words * capnp_word_bytes);

    auto* segment = out.data() + segment_at;
    std::size_t used = 0;
    if (reinterpret_cast<std::uintptr_t>(segment) % capnp_word_bytes == 0) {
        used = build(what, {reinterpret_cast<capnp::word*>(segment), words});
    } else {
        std::vector<std::uint64_t> aligned(words);
        used = build(what, {reinterpret_cast<capnp::word*>(aligned.data()), words});
        std::memcpy(segment, aligned.data(), used * capnp_word_bytes);
    }
    store_little_endian(out.data() + table_at + capnp_count_bytes, 4, used);
    out.resize(segment_at + used * capnp_word_bytes);
}

}  // namespace mydht::wire
