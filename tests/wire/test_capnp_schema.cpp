// That schema/mydht.capnp has the fields that the messages have.
#include <capnp/schema.h>

#include <set>
#include <string>

#include <mydht/wire/described.hpp>

#include "support/catch.hpp"
#include "wire/message_fields.hpp"
#include "wire/mydht.capnp.h"

namespace mydht::test {

using namespace wire;

namespace {

using type = capnp::schema::Type;

std::string camel_case(std::string_view name) {
    std::string out;
    bool upper = false;
    for (const char c : name) {
        if (c != '_') out += upper ? static_cast<char>(c - 'a' + 'A') : c;
        upper = c == '_';
    }
    return out;
}

/// The fields of a schema that no field of a message stands for.
using leftovers = std::set<std::string>;

leftovers names_of(capnp::StructSchema in) {
    leftovers out;
    for (const auto one : in.getFields()) out.insert(one.getProto().getName().cStr());
    return out;
}

void compare_record(const shape& ours, capnp::StructSchema theirs);
void compare_choice(const shape& ours, capnp::StructSchema theirs);

bool is_number_type(type::Which which) {
    return which == type::UINT8 || which == type::UINT16 || which == type::UINT32 || which == type::UINT64;
}

/// Ids, keys and tags: words in a group.
bool is_words(const shape& ours, capnp::StructSchema::Field theirs) {
    if (ours.kind != shape_kind::binary || !theirs.getProto().isGroup()) return false;
    return theirs.getType().asStruct().getFields().size() * 8 == ours.fixed_bytes;
}

void compare_field(const field& one, capnp::StructSchema theirs) {
    const auto name = camel_case(one.name);
    CAPTURE(name);
    KJ_IF_MAYBE (found, theirs.findFieldByName(name.c_str())) {
        const auto& ours = one.what();
        const auto which = found->getType().which();
        switch (ours.kind) {
            case shape_kind::boolean: CHECK(which == type::BOOL); return;
            case shape_kind::natural: CHECK(is_number_type(which)); return;
            case shape_kind::integer: CHECK(which == type::INT64); return;
            case shape_kind::text: CHECK((which == type::TEXT || which == type::DATA)); return;
            case shape_kind::binary: CHECK((which == type::DATA || is_words(ours, *found))); return;
            case shape_kind::place: CHECK(which == type::DATA); return;
            case shape_kind::record: compare_record(ours, found->getType().asStruct()); return;
            case shape_kind::choice: compare_choice(ours, found->getType().asStruct()); return;
            case shape_kind::list:
                if (ours.inner().kind == shape_kind::record) {
                    compare_record(ours.inner(), found->getType().asList().getStructElementType());
                } else {
                    CHECK(which == type::DATA);
                }
                return;
            default: FAIL("no such field in a message"); return;
        }
    }
    FAIL("missing in the schema");
}

void compare_record(const shape& ours, capnp::StructSchema theirs) {
    auto left = names_of(theirs);
    CAPTURE(ours.name);
    for (const auto& one : ours.fields) {
        if (one.what().kind == shape_kind::optional) continue;
        compare_field(one, theirs);
        left.erase(camel_case(one.name));
    }
    // What is optional has a form of its own in each place.
    if (ours.name == "store") CHECK(left.erase("expected") == 1);
    if (ours.name == "forward") CHECK(left.erase("asker") + left.erase("askerSignature") == 2);
    CHECK(left == leftovers());
}

void compare_choice(const shape& ours, capnp::StructSchema theirs) {
    auto left = names_of(theirs);
    CAPTURE(ours.name);
    for (const auto& one : ours.fields) {
        const auto name = camel_case(one.name);
        CAPTURE(name);
        CHECK(left.erase(name) == 1);
        const auto found = theirs.getFieldByName(name.c_str());
        CHECK(found.getProto().getDiscriminantValue() != capnp::schema::Field::NO_DISCRIMINANT);
        if (one.what().fields.empty()) {
            CHECK(found.getType().which() == type::VOID);
        } else {
            compare_record(one.what(), found.getType().asStruct());
        }
    }
    CHECK(left == leftovers());
}

}  // namespace

TEST_CASE("the Cap'n Proto schema has the fields of the messages, and no others", "[codec]") {
    const auto envelope = capnp::Schema::from<schema::Envelope>();
    CHECK(names_of(envelope) == leftovers{"id", "version", "role", "body"});
    compare_choice(shape_of<message>(), envelope.getFieldByName("body").getType().asStruct());
}

}  // namespace mydht::test
