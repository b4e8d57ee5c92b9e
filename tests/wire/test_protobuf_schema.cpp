// That schema/mydht.proto has the fields that the messages have, and that libprotobuf reads with it what we write.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>

#include <fstream>
#include <memory>
#include <string>

#include <mydht/wire/codec.hpp>
#include <mydht/wire/described.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"
#include "wire/message_fields.hpp"
#include "wire/random_messages.hpp"
#include "wire/source_paths.hpp"

namespace mydht::test {

using namespace wire;
namespace pb = google::protobuf;

namespace {

/// The schema as the compiler of Protocol Buffers has read it.
struct proto_file {
    proto_file() {
        std::ifstream in(proto_descriptors, std::ios::binary);
        pb::FileDescriptorSet all;
        REQUIRE(all.ParseFromIstream(&in));
        REQUIRE(all.file_size() == 1);
        file = pool.BuildFile(all.file(0));
        REQUIRE(file != nullptr);
    }

    pb::DescriptorPool pool;
    const pb::FileDescriptor* file = nullptr;
};

void compare(const shape& ours, const pb::Descriptor* theirs);

void compare_type(const shape& ours, const pb::FieldDescriptor* theirs) {
    using kind = pb::FieldDescriptor;
    switch (ours.kind) {
        case shape_kind::boolean: CHECK(theirs->type() == kind::TYPE_BOOL); return;
        case shape_kind::natural:
            CHECK((theirs->type() == kind::TYPE_UINT32 || theirs->type() == kind::TYPE_UINT64));
            return;
        case shape_kind::integer: CHECK(theirs->type() == kind::TYPE_INT64); return;
        case shape_kind::text: CHECK(theirs->type() == kind::TYPE_STRING); return;
        case shape_kind::binary:
        case shape_kind::place: CHECK(theirs->type() == kind::TYPE_BYTES); return;
        case shape_kind::record:
        case shape_kind::choice:
            REQUIRE(theirs->type() == kind::TYPE_MESSAGE);
            compare(ours, theirs->message_type());
            return;
        case shape_kind::list:
            CHECK(theirs->is_repeated());
            compare_type(ours.inner(), theirs);
            return;
        case shape_kind::optional:
            CHECK(theirs->has_presence());
            compare_type(ours.inner(), theirs);
            return;
        case shape_kind::real: CHECK(theirs->type() == kind::TYPE_DOUBLE); return;
    }
}

void compare(const shape& ours, const pb::Descriptor* theirs) {
    CAPTURE(ours.name, theirs->name());
    CHECK(static_cast<std::size_t>(theirs->field_count()) == ours.fields.size());
    for (const auto& one : ours.fields) {
        CAPTURE(one.name);
        const auto* found = theirs->FindFieldByNumber(one.number);
        REQUIRE(found != nullptr);
        CHECK(found->name() == one.name);
        CHECK((found->real_containing_oneof() != nullptr) == (ours.kind == shape_kind::choice));
        compare_type(one.what(), found);
    }
}

}  // namespace

TEST_CASE("the schema for Protocol Buffers has the fields of the messages, and no others", "[codec]") {
    const proto_file schema;
    compare(shape_of<letter>(), schema.file->FindMessageTypeByName("Envelope"));
}

TEST_CASE("libprotobuf reads what we write, and we what it writes", "[codec]") {
    const proto_file schema;
    pb::DynamicMessageFactory factory;
    const std::unique_ptr<pb::Message> read(
        factory.GetPrototype(schema.file->FindMessageTypeByName("Envelope"))->New());
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (std::uint64_t kind = 0; kind < message_kinds; ++kind) {
        CAPTURE(kind);
        envelope sent;
        bytes data;
        do {
            data.clear();
            sent = random_envelope(random, kind);
        } while (!protobuf_codec().encode(sent, data));
        REQUIRE(read->ParseFromArray(data.data(), static_cast<int>(data.size())));
        CHECK(read->GetReflection()->GetUnknownFields(*read).empty());
        std::string again;
        REQUIRE(read->SerializeToString(&again));
        CHECK(protobuf_codec().decode(as_bytes(again)).value() == sent);
    }
}

}  // namespace mydht::test
