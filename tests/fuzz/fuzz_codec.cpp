// What any peer may send as a message, and what any application may be given as a struct, in the encoding FUZZED_CODEC.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <mydht/core/service_name.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/wire/codec.hpp>

#include "../../bench/allocations.hpp"
#include "../wire/decode_memory.hpp"
#include "../wire/drawing.hpp"

using namespace mydht;

namespace {

using wire::any_codec;
using wire::decode_limits;

void check(bool holds, int line = __builtin_LINE()) {
    if (holds) return;
    std::fprintf(stderr, "fuzz_codec.cpp:%d\n", line);
    std::abort();
}

/// Less than the protocol allows, so that small inputs come to the limits.
decode_limits tight_limits() {
    decode_limits out;
    out.message_bytes = 600;
    out.visited_bytes = 2048;
    out.nesting = 8;
    out.contacts = 2;
    out.addresses_per_contact = 1;
    out.items = 1;
    out.item_body_bytes = 6;
    out.trace = 1;
    out.ticket_bytes = 9;
    out.service_name_bytes = 5;
    out.request_body_bytes = 7;
    out.text_bytes = 4;
    out.elements = 40;
    return out;
}

void check_items(const std::vector<item>& items, const decode_limits& limits) {
    check(items.size() <= limits.items);
    for (const auto& one : items) check(one.body.size() <= limits.item_body_bytes && item_kind{0} < one.kind);
}

void check_contacts(const std::vector<contact>& contacts, const decode_limits& limits) {
    check(contacts.size() <= limits.contacts);
    for (const auto& one : contacts) {
        check(one.id == node_id_of(one.peer));
        check(one.addresses.size() <= limits.addresses_per_contact);
        check(std::ranges::none_of(one.addresses, &address::empty));
    }
}

void check_gathered(const wire::gathered& what, const decode_limits& limits) {
    check_contacts(what.contacts, limits);
    check_items(what.items, limits);
}

void check_forward(const wire::forward& what, const decode_limits& limits) {
    check(what.trace.size() <= what.trace_max && what.trace_max <= limits.trace);
    if (const auto* asked = std::get_if<wire::request>(&what.goal)) {
        check(asked->is_sealed() || valid_service_name(asked->service));
        check(asked->service.size() <= limits.service_name_bytes && asked->body.size() <= limits.request_body_bytes);
    }
    if (const auto* kept = std::get_if<wire::store>(&what.goal)) check_items({kept->what}, limits);
    if (what.asker) check(!what.asker->body.empty() && what.asker->body.size() <= limits.ticket_bytes);
}

/// What a message may never hold, whatever it was decoded from.
void check_limits(const wire::envelope& what, const decode_limits& limits) {
    if (const auto* m = std::get_if<wire::nodes>(&what.body)) check_contacts(m->contacts, limits);
    if (const auto* m = std::get_if<wire::values>(&what.body)) {
        check_contacts(m->contacts, limits);
        check_items(m->items, limits);
    }
    if (const auto* m = std::get_if<wire::gathered>(&what.body)) check_gathered(*m, limits);
    if (const auto* m = std::get_if<wire::deliver>(&what.body)) check_gathered(m->what, limits);
    if (const auto* m = std::get_if<wire::forward>(&what.body)) check_forward(*m, limits);
    if (const auto* m = std::get_if<wire::store>(&what.body)) check_items({m->what}, limits);
    if (const auto* m = std::get_if<wire::error>(&what.body)) check(m->text.size() <= limits.text_bytes);
}

void check_refusal(std::error_code given, const wire::decode_error& why, std::size_t size) {
    const auto code = why.code;
    check(given == code);
    check(code == errc::malformed || code == errc::truncated || code == errc::trailing_bytes ||
          code == errc::too_large || code == errc::not_supported || code == errc::unknown_version);
    check(!why.offset || *why.offset <= size);
    if (code == errc::truncated) check(why.offset == size);
}

/// Larger messages may be too large in an encoding that takes more for them.
constexpr std::size_t small_bytes = limits::message_bytes / 8;

/// Each name and number in its only form, so nothing gets longer by being read and written.
bool is_tight(const any_codec& codec) {
    return codec.id() == wire::codec_id::bencode || codec.id() == wire::codec_id::cbor ||
           codec.id() == wire::codec_id::protobuf;
}

void try_message(const any_codec& codec, bytes_view data, const decode_limits& limits) {
    wire::decode_error why;
    const auto before = bench::allocated_bytes();
    const auto got = codec.decode(data, limits, &why);
    check(bench::allocated_bytes() - before <= test::decode_bytes_max(codec, data.size(), limits));
    if (!got) return check_refusal(got.error(), why, data.size());
    check_limits(*got, limits);

    bytes reference;
    const bool is_small = wire::capnp_codec().encode(*got, reference) && reference.size() <= small_bytes;
    for (const auto& other : wire::all_codecs()) {
        bytes first;
        const auto done = other.encode(*got, first);
        if (!done) {
            check(!is_small && done.error() == errc::too_large);
            continue;
        }
        const auto back = other.decode(first);
        check(back.has_value() && *back == *got);
        bytes second;
        check(other.encode(*back, second) && second == first);
        // A struct that was left out is written, as an empty one.
        const bool may_grow = std::holds_alternative<wire::deliver>(got->body);
        if (!(other == codec) || !is_tight(codec) || may_grow) continue;
        check(first.size() <= data.size());
        // Bencode has one form of everything, so it is the same when nothing was passed over.
        if (codec == wire::bencode_codec() && first.size() == data.size()) check(std::ranges::equal(first, data));
    }
}

void try_struct(const any_codec& codec, bytes_view data, const decode_limits& limits) {
    wire::decode_error why;
    const auto before = bench::allocated_bytes();
    const auto got = codec.decode_value<test::drawing>(data, limits, &why);
    const auto allowed = test::decode_bytes_max(codec, data.size(), limits, sizeof(test::drawing));
    check(bench::allocated_bytes() - before <= allowed);
    if (!got) return check_refusal(got.error(), why, data.size());

    // What is no number equals nothing, so bytes are compared.
    bytes reference;
    if (!wire::capnp_codec().encode_value(*got, reference)) return;
    for (const auto& other : wire::all_codecs()) {
        bytes first;
        const auto done = other.encode_value(*got, first);
        if (!done) {
            const bool has_no_form = other == wire::json_codec() && done.error() == errc::bad_argument;
            check(has_no_form || (reference.size() > small_bytes && done.error() == errc::too_large));
            continue;
        }
        const auto back = other.decode_value<test::drawing>(first);
        check(back.has_value());
        bytes second;
        check(wire::capnp_codec().encode_value(*back, second) && second == reference);
    }
}

}  // namespace

/// The first byte says what the rest is: a message or a struct, and under which limits.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    static const auto codec = wire::find_codec(FUZZED_CODEC).value();
    const bytes_view rest(data + 1, size - 1);
    const auto limits = (data[0] & 2U) != 0 ? tight_limits() : decode_limits();
    if ((data[0] & 1U) == 0)
        try_message(codec, rest, limits);
    else
        try_struct(codec, rest, limits);
    return 0;
}
