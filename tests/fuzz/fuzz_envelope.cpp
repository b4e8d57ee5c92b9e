#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mydht/core/service_name.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/wire/capnp_frame.hpp>
#include <mydht/wire/codec.hpp>

using namespace mydht;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

void check_contacts(const std::vector<contact>& contacts) {
    check(contacts.size() <= limits::contacts_per_message);
    for (const auto& one : contacts) {
        check(one.id == node_id_of(one.peer));
        check(one.addresses.size() <= limits::addresses_per_contact);
    }
}

void check_gathered(const wire::gathered& what) {
    check_contacts(what.contacts);
    check(what.items.size() <= limits::values_per_message);
    for (const auto& one : what.items) check(one.body.size() <= limits::item_body_bytes);
}

/// What a message may never hold, whatever it was decoded from.
void check_limits(const wire::envelope& what) {
    if (const auto* m = std::get_if<wire::nodes>(&what.body)) check_contacts(m->contacts);
    if (const auto* m = std::get_if<wire::values>(&what.body)) {
        check_contacts(m->contacts);
        check(m->items.size() <= limits::values_per_message);
        for (const auto& one : m->items) check(one.body.size() <= limits::item_body_bytes);
    }
    if (const auto* m = std::get_if<wire::gathered>(&what.body)) check_gathered(*m);
    if (const auto* m = std::get_if<wire::deliver>(&what.body)) check_gathered(m->what);
    if (const auto* m = std::get_if<wire::forward>(&what.body)) {
        check(m->trace.size() <= m->trace_max && m->trace_max <= limits::trace_per_message);
        if (const auto* asked = std::get_if<wire::request>(&m->goal)) {
            check(asked->is_sealed() || valid_service_name(asked->service));
            check(asked->body.size() <= limits::request_body_bytes);
        }
        if (m->asker) check(!m->asker->body.empty() && m->asker->body.size() <= limits::ticket_bytes);
    }
    if (const auto* m = std::get_if<wire::store>(&what.body)) check(m->what.body.size() <= limits::item_body_bytes);
    if (const auto* m = std::get_if<wire::error>(&what.body)) check(m->text.size() <= limits::error_text_bytes);
}

}  // namespace

/// The first byte says where the assembler's input is cut; the rest is a message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const bytes_view message(data + 1, size - 1);
    const auto codec = wire::capnp_codec();

    wire::decode_error why;
    const auto got = codec.decode(message, {}, &why);
    if (got) {
        check_limits(*got);
        bytes again;
        check(codec.encode(*got, again).has_value());
        check(codec.decode(again).value() == *got);
    } else {
        check(got.error() == why.code);
    }

    wire::capnp_assembler assembler;
    bytes_view first = message.first(std::min<std::size_t>(message.size(), data[0]));
    bytes_view second = message.subspan(first.size());
    auto complete = assembler.feed(first);
    if (complete && !*complete) complete = assembler.feed(second);
    if (got) check(complete && *complete && std::ranges::equal(assembler.message(), message));
    return 0;
}
