#include <capnp/message.h>
#include <kj/exception.h>

#include <mydht/core/service_name.hpp>
#include <mydht/crypto/ids.hpp>

#include "wire/address_list.hpp"
#include "wire/capnp_codec.hpp"
#include "wire/capnp_segments.hpp"
#include "wire/little_endian.hpp"
#include "wire/mydht.capnp.h"
#include "wire/utf8.hpp"

namespace mydht::wire {

namespace {

constexpr std::uint8_t schema_version_max = 1;

/// The segments of a message that lies aligned in memory.
class segments_reader final : public capnp::MessageReader {
public:
    segments_reader(const capnp_segments& table, bytes_view data, capnp::ReaderOptions reading)
        : capnp::MessageReader(reading), table_(table) {
        const auto* next = reinterpret_cast<const capnp::word*>(data.data() + table.table_bytes);
        for (std::size_t i = 0; i < table.count; ++i) {
            begins_[i] = next;
            next += table.words[i];
        }
    }

    kj::ArrayPtr<const capnp::word> getSegment(kj::uint id) override {
        if (id >= table_.count) return nullptr;
        return {begins_[id], table_.words[id]};
    }

private:
    const capnp_segments& table_;
    std::array<const capnp::word*, capnp_segments_max> begins_{};
};

bytes_view view_of(capnp::Data::Reader data) noexcept { return {data.begin(), data.size()}; }

/// Reads one envelope. The first failure sticks, with the field that was being read; what is read after it is never
/// used.
class envelope_reader {
public:
    envelope_reader(const decode_limits& limits, decode_error& where) noexcept : limits_(limits), where_(where) {}

    /// False when it failed; kj's own failures come as exceptions.
    bool read(schema::Envelope::Reader from, envelope& out) {
        out.id = from.getId();
        const auto role = static_cast<std::uint16_t>(from.getRole());
        at("role");
        if (role > static_cast<std::uint16_t>(message_role::notice)) return fail(errc::malformed);
        where_.id = out.id;
        where_.role = static_cast<message_role>(role);
        at("version");
        if (from.getVersion() == 0) return fail(errc::malformed);
        if (from.getVersion() > schema_version_max) return fail(errc::unknown_version);
        read_body(from.getBody(), out.body);
        at("role");
        if (!failed_ && where_.role != role_of(out.body)) fail(errc::malformed);
        return !failed_;
    }

private:
    void at(std::string_view field) noexcept {
        if (!failed_) where_.field = field;
    }

    bool fail(errc code) noexcept {
        if (!failed_) where_.code = code;
        failed_ = true;
        return false;
    }

    void read_body(schema::Envelope::Body::Reader from, message& out) {
        using kind = schema::Envelope::Body::Which;
        at("body");
        switch (from.which()) {
            case kind::PING: out = ping{}; return;
            case kind::FIND_NODE: out = read_find_node(from.getFindNode()); return;
            case kind::FIND_VALUE: out = read_find_value(from.getFindValue()); return;
            case kind::STORE: out = read_store(from.getStore()); return;
            case kind::FORWARD: out = read_forward(from.getForward()); return;
            case kind::DELIVER: out = read_deliver(from.getDeliver()); return;
            case kind::CANCEL: out = cancel{}; return;
            case kind::PONG: out = read_pong(from.getPong()); return;
            case kind::NODES: out = read_nodes(from.getNodes()); return;
            case kind::VALUES: out = read_values(from.getValues()); return;
            case kind::STORED: out = read_stored(from.getStored()); return;
            case kind::GATHERED: out = read_gathered(from.getGathered()); return;
            case kind::DELIVERED: out = delivered{}; return;
            case kind::ERROR: out = read_error(from.getError()); return;
        }
        fail(errc::not_supported);
    }

    template <typename Point, typename Reader>
    static Point point(Reader from) noexcept {
        Point out;
        auto* to = out.data().data();
        store_little_endian(to, 8, from.getWord0());
        store_little_endian(to + 8, 8, from.getWord1());
        store_little_endian(to + 16, 8, from.getWord2());
        store_little_endian(to + 24, 8, from.getWord3());
        return out;
    }

    template <typename Reader>
    static loop_tag tag(Reader from) noexcept {
        loop_tag out;
        auto* to = out.data().data();
        store_little_endian(to, 8, from.getWord0());
        store_little_endian(to + 8, 8, from.getWord1());
        return out;
    }

    static find_node read_find_node(schema::FindNode::Reader from) {
        return {.target = point<node_id>(from.getTarget()), .kinds = from.getKinds()};
    }

    static find_value read_find_value(schema::FindValue::Reader from) {
        return {.target = point<key>(from.getTarget()), .kinds = from.getKinds()};
    }

    store read_store(schema::Store::Reader from) {
        store out;
        out.target = point<key>(from.getTarget());
        at("store.expected");
        const auto expected = from.getExpected();
        if (expected.isSequence()) {
            out.expected_sequence = expected.getSequence();
        } else if (!expected.isAny()) {
            fail(errc::not_supported);
        }
        at("store.item");
        read_item(from.getItem(), out.what);
        return out;
    }

    forward read_forward(schema::Forward::Reader from) {
        forward out;
        out.tag = tag(from.getTag());
        out.lifetime = std::chrono::milliseconds(from.getLifetime());
        out.hops = from.getHops();
        out.wander = from.getWander();
        out.fan_out = from.getFanOut();
        out.paths = from.getPaths();
        out.priority = from.getPriority();
        out.results = from.getResults();
        if (from.getStoring() <= static_cast<std::uint8_t>(storage_mode_max)) {
            out.storing = static_cast<storage_mode>(from.getStoring());
        }
        out.proxy_hops = from.getProxyHops();
        out.stream = from.getStream();
        out.hidden = from.getHidden();
        read_goal(from.getGoal(), out);
        read_trace(from, out);
        read_ticket(from, out);
        return out;
    }

    void read_ticket(schema::Forward::Reader from, forward& out) {
        at("forward.asker");
        const auto body = view_of(from.getAsker());
        if (body.empty()) return;
        if (body.size() > limits::ticket_bytes) {
            fail(errc::too_large);
            return;
        }
        const auto sig = view_of(from.getAskerSignature());
        if (sig.size() != signature::size) {
            fail(errc::malformed);
            return;
        }
        out.asker.emplace();
        out.asker->body = to_bytes(body);
        out.asker->sig = *signature::from_bytes(sig);
    }

    deliver read_deliver(schema::Deliver::Reader from) {
        deliver out;
        out.tag = tag(from.getTag());
        out.what = read_gathered(from.getWhat());
        return out;
    }

    void read_goal(schema::Forward::Goal::Reader from, forward& out) {
        using kind = schema::Forward::Goal::Which;
        at("forward.goal");
        switch (from.which()) {
            case kind::FIND_NODE: out.goal = read_find_node(from.getFindNode()); return;
            case kind::FIND_VALUE: out.goal = read_find_value(from.getFindValue()); return;
            case kind::STORE: out.goal = read_store(from.getStore()); return;
            case kind::REQUEST: out.goal = read_request(from.getRequest()); return;
        }
        fail(errc::not_supported);
    }

    request read_request(schema::Request::Reader from) {
        request out;
        out.target = point<id256>(from.getTarget());
        at("request.service");
        const auto name = view_of(from.getService());
        if (name.size() > limits::service_name_bytes) {
            fail(errc::too_large);
            return out;
        }
        out.service.assign(name.begin(), name.end());
        if (!out.is_sealed() && !valid_service_name(out.service)) fail(errc::malformed);
        at("request.body");
        const auto body = view_of(from.getBody());
        if (body.size() > limits::request_body_bytes) {
            fail(errc::too_large);
            return out;
        }
        out.body = to_bytes(body);
        return out;
    }

    void read_trace(schema::Forward::Reader from, forward& out) {
        at("forward.trace");
        out.trace_max = from.getTraceMax();
        auto trace = view_of(from.getTrace());
        if (out.trace_max > limits_.trace || trace.size() > out.trace_max * node_id::size) {
            fail(errc::too_large);
            return;
        }
        if (trace.size() % node_id::size != 0) fail(errc::malformed);
        out.trace.reserve(trace.size() / node_id::size);
        for (; trace.size() >= node_id::size; trace = trace.subspan(node_id::size)) {
            out.trace.push_back(*node_id::from_bytes(trace.first(node_id::size)));
        }
    }

    gathered read_gathered(schema::Gathered::Reader from) {
        gathered out;
        if (from.getOutcome() <= static_cast<std::uint8_t>(gathered_outcome_max)) {
            out.outcome = static_cast<gathered_outcome>(from.getOutcome());
        }
        out.copies = from.getCopies();
        out.delivered = from.getDelivered();
        out.copy_left = std::chrono::milliseconds(from.getCopyLeft());
        at("gathered.items");
        out.items = read_items(from.getItems());
        at("gathered.contacts");
        out.contacts = read_contacts(from.getContacts());
        return out;
    }

    pong read_pong(schema::Pong::Reader from) {
        at("pong.observed");
        pong out;
        auto packed = view_of(from.getObserved());
        if (packed.empty()) return out;
        const auto observed = take_address(packed);
        if (observed && packed.empty()) {
            out.observed = *observed;
        } else {
            fail(errc::malformed);
        }
        return out;
    }

    nodes read_nodes(schema::Nodes::Reader from) {
        at("nodes.contacts");
        return {.contacts = read_contacts(from.getContacts())};
    }

    values read_values(schema::Values::Reader from) {
        at("values.items");
        values out;
        out.items = read_items(from.getItems());
        at("values.contacts");
        out.contacts = read_contacts(from.getContacts());
        return out;
    }

    static stored read_stored(schema::Stored::Reader from) { return {.deadline = milliseconds(from.getDeadline())}; }

    error read_error(schema::Error::Reader from) {
        at("error.text");
        error out;
        const auto text = from.getText();
        if (text.size() > limits_.text_bytes) {
            fail(errc::too_large);
            return out;
        }
        out.text.assign(text.begin(), text.end());
        if (!is_utf8(as_bytes(out.text))) fail(errc::malformed);
        const auto code = from.getCode();
        if (code <= static_cast<std::uint16_t>(error_code_max)) out.code = static_cast<error_code>(code);
        return out;
    }

    std::vector<contact> read_contacts(capnp::List<schema::Contact>::Reader from) {
        std::vector<contact> out;
        if (from.size() > limits_.contacts) {
            fail(errc::too_large);
            return out;
        }
        out.reserve(from.size());
        for (const auto one : from) {
            auto addresses = read_addresses(view_of(one.getAddresses()), limits_.addresses_per_contact);
            if (!addresses) {
                fail(addresses.error() == errc::too_large ? errc::too_large : errc::malformed);
                return out;
            }
            out.push_back(contact_of(point<public_key>(one.getKey()), one.getCapabilities(), std::move(*addresses)));
        }
        return out;
    }

    std::vector<item> read_items(capnp::List<schema::Item>::Reader from) {
        std::vector<item> out;
        if (from.size() > limits_.items) {
            fail(errc::too_large);
            return out;
        }
        out.reserve(from.size());
        for (const auto one : from) {
            if (!read_item(one, out.emplace_back())) break;
        }
        return out;
    }

    bool read_item(schema::Item::Reader from, item& out) {
        out.kind = static_cast<item_kind>(from.getKind());
        if (from.getKind() == 0) return fail(errc::malformed);
        out.deadline = milliseconds(from.getDeadline());
        const auto body = view_of(from.getBody());
        if (body.size() > limits_.item_body_bytes) return fail(errc::too_large);
        out.body = to_bytes(body);
        const auto sig = view_of(from.getSignature());
        if (sig.empty()) return true;
        if (sig.size() != signature::size) return fail(errc::malformed);
        out.sig = *signature::from_bytes(sig);
        return true;
    }

    static wall_time milliseconds(std::int64_t count) noexcept { return wall_time(std::chrono::milliseconds(count)); }

    const decode_limits& limits_;
    decode_error& where_;
    bool failed_ = false;
};

/// Reads a message that lies aligned.
tl::expected<envelope, decode_error> decode_aligned(const capnp_segments& table, bytes_view data,
                                                    const decode_limits& limits) {
    decode_error where;
    capnp::ReaderOptions options;
    // Every part of a message is referred to once, so reading more than its size means that parts were shared to make
    // a small message large. kj counts the root pointer twice; the table, which it does not count, makes up for that.
    options.traversalLimitInWords = std::min(limits.visited_bytes, table.message_bytes) / capnp_word_bytes;
    options.nestingLimit = static_cast<int>(limits.nesting);
    try {
        segments_reader reader(table, data, options);
        envelope out;
        if (envelope_reader(limits, where).read(reader.getRoot<schema::Envelope>(), out)) return out;
    } catch (const kj::Exception&) {
        // Pointers that lead nowhere or to something else, nesting, traversal.
        where.code = errc::malformed;
    }
    return tl::unexpected(where);
}

}  // namespace

tl::expected<envelope, decode_error> capnp_decode(bytes_view data, const decode_limits& limits) {
    const auto fail = [](errc code, std::size_t offset) {
        return tl::unexpected(decode_error{.code = code, .offset = offset, .field = "segments"});
    };
    const auto table = read_segment_table(data, limits.message_bytes);
    if (!table) return fail(errc::too_large, 0);
    if (!*table || (*table)->message_bytes > data.size()) return fail(errc::truncated, data.size());
    if ((*table)->message_bytes < data.size()) return fail(errc::trailing_bytes, (*table)->message_bytes);
    if (reinterpret_cast<std::uintptr_t>(data.data()) % capnp_word_bytes == 0) {
        return decode_aligned(**table, data, limits);
    }
    capnp_assembler aligned(limits.message_bytes);
    if (!aligned.feed(data)) return fail(errc::too_large, 0);
    return decode_aligned(**table, aligned.message(), limits);
}

}  // namespace mydht::wire
