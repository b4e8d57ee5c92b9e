// Structs of applications in Cap'n Proto, without a schema. A struct has a word for each field that is a boolean, a
// number or a real, and a pointer for each other one, both in the order of the fields' numbers, those included that are
// gone: what capnp's compiler makes of a schema that has UInt64, Int64 and Float64 alone for the former. Behind a
// pointer lie
// - text: Text; binary and addresses: Data; records: their struct;
// - a choice: a struct of the alternative's number and a pointer to what it has;
// - a list: a list of structs: those of records, or of the word or the pointer that an element takes; a record without
//   fields takes a word, so that elements are not for nothing;
// - an optional: its content, a word in a struct of its own.
#include <capnp/any.h>
#include <capnp/message.h>
#include <capnp/serialize.h>

#include <bit>
#include <cstring>

#include <mydht/core/address.hpp>
#include <mydht/wire/shape.hpp>

#include "wire/capnp_codec.hpp"
#include "wire/capnp_reading.hpp"
#include "wire/little_endian.hpp"
#include "wire/struct_reader.hpp"

namespace mydht::wire {

namespace {

using capnp::AnyPointer;
using capnp::AnyStruct;

bool is_word(const shape& what) noexcept {
    return what.kind == shape_kind::boolean || what.kind == shape_kind::natural || what.kind == shape_kind::integer ||
           what.kind == shape_kind::real;
}

struct layout {
    std::uint16_t words = 0;
    std::uint16_t pointers = 0;
};

/// Of the struct that stands for a value behind a pointer.
layout layout_of(const shape& what) {
    switch (what.kind) {
        case shape_kind::record: return {what.words, what.pointers};
        case shape_kind::choice: return {1, 1};
        default: return is_word(what) ? layout{1, 0} : layout{0, 1};
    }
}

layout element_layout(const shape& element) {
    if (element.kind == shape_kind::choice) return {0, 1};
    const auto out = layout_of(element);
    return out.words + out.pointers == 0 ? layout{1, 0} : out;
}

// --- writing ---------------------------------------------------------------------------------------------------------

void set_word(AnyStruct::Builder to, std::size_t index, std::uint64_t value) {
    store_little_endian(to.getDataSection().begin() + index * capnp_word_bytes, capnp_word_bytes, value);
}

void write_behind(AnyPointer::Builder to, const shape& what, const void* object);

void write_fields(AnyStruct::Builder to, const shape& record, const void* object) {
    for (const auto& one : record.fields) {
        const auto& inner = one.what();
        const auto* member = one.in(object);
        if (is_word(inner)) {
            set_word(to, one.place, inner.number(member));
        } else if (!is_empty(inner, member)) {
            write_behind(to.getPointerSection()[one.place], inner, member);
        }
    }
}

void write_element(AnyStruct::Builder to, const shape& what, const void* object) {
    if (is_word(what)) {
        set_word(to, 0, what.number(object));
    } else if (what.kind == shape_kind::record) {
        write_fields(to, what, object);
    } else {
        write_behind(to.getPointerSection()[0], what, object);
    }
}

void write_data(AnyPointer::Builder to, bytes_view data) {
    to.setAs<capnp::Data>(capnp::Data::Reader(data.data(), data.size()));
}

void write_behind(AnyPointer::Builder to, const shape& what, const void* object) {
    switch (what.kind) {
        case shape_kind::text: {
            const auto text = as_text(what.view(object));
            auto made = to.initAs<capnp::Text>(static_cast<unsigned>(text.size()));
            std::memcpy(made.begin(), text.data(), text.size());
            return;
        }
        case shape_kind::binary: write_data(to, what.view(object)); return;
        case shape_kind::place: {
            const auto& from = *static_cast<const address*>(object);
            bytes packed{static_cast<std::uint8_t>(from.kind())};
            packed.insert(packed.end(), from.data().begin(), from.data().end());
            write_data(to, packed);
            return;
        }
        case shape_kind::choice: {
            const auto index = what.count(object);
            const auto [words, pointers] = layout_of(what);
            auto made = to.initAsAnyStruct(words, pointers);
            set_word(made, 0, what.fields[index].number);
            write_behind(made.getPointerSection()[0], what.fields[index].what(), what.at(object, index));
            return;
        }
        case shape_kind::list: {
            const auto count = what.count(object);
            const auto [words, pointers] = element_layout(what.inner());
            auto list = to.initAsListOfAnyStruct(words, pointers, static_cast<unsigned>(count));
            for (unsigned i = 0; i < count; ++i) write_element(list[i], what.inner(), what.at(object, i));
            return;
        }
        case shape_kind::optional: write_behind(to, what.inner(), what.at(object, 0)); return;
        default: break;
    }
    const auto [words, pointers] = layout_of(what);
    write_element(to.initAsAnyStruct(words, pointers), what, object);
}

// --- reading ---------------------------------------------------------------------------------------------------------

/// Says to a struct_reader what lies in the words and behind the pointers.
class capnp_parser {
public:
    capnp_parser(struct_reader& to, bytes_view message) noexcept : to_(to), message_(message) {}

    bool behind(AnyPointer::Reader from, const shape& what) {
        switch (what.kind) {
            case shape_kind::text: {
                const auto text = from.getAs<capnp::Text>();
                return to_.text({text.begin(), text.size()});
            }
            case shape_kind::binary:
            case shape_kind::place: {
                const auto data = from.getAs<capnp::Data>();
                return to_.binary({data.begin(), data.size()});
            }
            case shape_kind::choice: return choice(from.getAs<AnyStruct>(), what);
            case shape_kind::list: return list(from, what);
            case shape_kind::optional: return behind(from, what.inner());
            default: return element(from.getAs<AnyStruct>(), what);
        }
    }

private:
    bool fields(AnyStruct::Reader from, const shape& record) {
        const auto place = place_of(from, message_);
        if (place) to_.at(*place);
        if (!to_.begin_record()) return false;
        const auto pointers = from.getPointerSection();
        for (const auto& one : record.fields) {
            const auto& inner = one.what();
            if (is_word(inner)) {
                const auto value = word_at(from, one.place);
                if (value != 0 && !(to_.name(one.name) && number(value, inner))) return false;
                continue;
            }
            if (one.place >= pointers.size() || pointers[one.place].isNull()) continue;
            if (!to_.name(one.name) || !behind(pointers[one.place], inner)) return false;
            if (place) to_.at(*place);
        }
        return to_.end_record();
    }

    static std::uint64_t word_at(AnyStruct::Reader from, std::size_t index) {
        const auto data = from.getDataSection();
        if (data.size() < (index + 1) * capnp_word_bytes) return 0;
        return load_little_endian({data.begin() + index * capnp_word_bytes, capnp_word_bytes});
    }

    bool number(std::uint64_t value, const shape& what) {
        switch (what.kind) {
            case shape_kind::boolean: return value > 1 ? to_.fail(errc::malformed) : to_.boolean(value == 1);
            case shape_kind::integer: return to_.integer(static_cast<std::int64_t>(value));
            case shape_kind::real: return to_.real(std::bit_cast<double>(value));
            default: return to_.natural(value);
        }
    }

    bool element(AnyStruct::Reader from, const shape& what) {
        if (is_word(what)) return number(word_at(from, 0), what);
        if (what.kind == shape_kind::record) return fields(from, what);
        const auto pointers = from.getPointerSection();
        return pointers.size() > 0 ? behind(pointers[0], what) : to_.fail(errc::malformed);
    }

    bool choice(AnyStruct::Reader from, const shape& what) {
        const auto chosen = word_at(from, 0);
        if (!to_.begin_record() || !to_.number(chosen)) return false;
        const auto found =
            std::ranges::find_if(what.fields, [chosen](const field& one) { return one.number == chosen; });
        if (found == what.fields.end()) return to_.natural(0) && to_.end_record();
        const auto pointers = from.getPointerSection();
        if (pointers.size() == 0) return to_.fail(errc::malformed);
        return behind(pointers[0], found->what()) && to_.end_record();
    }

    bool list(AnyPointer::Reader from, const shape& what) {
        if (!to_.begin_list()) return false;
        for (const auto one : from.getAs<capnp::AnyList>().as<capnp::List<AnyStruct>>()) {
            if (!element(one, what.inner())) return false;
        }
        return to_.end_list();
    }

    struct_reader& to_;
    bytes_view message_;
};

}  // namespace

result<void> write_capnp_struct(const shape& what, const void* from, bytes& out) {
    capnp::MallocMessageBuilder message;
    write_behind(message.getRoot<AnyPointer>(), what, from);
    const auto flat = capnp::messageToFlatArray(message);
    const auto data = flat.asBytes();
    out.insert(out.end(), data.begin(), data.end());
    return {};
}

bool read_capnp_struct(bytes_view data, const shape& what, void* to, const decode_limits& limits, decode_error& why) {
    struct_reader reader(what, to, limits, why);
    // The reader counts the levels. kj counts pointers and elements, of which a level takes up to two.
    auto of_pointers = limits;
    of_pointers.nesting = 2 * (std::min(limits.nesting, nesting_max) + 1);
    return read_segments(data, of_pointers, why, [&](capnp::MessageReader& message, bytes_view whole) {
        return capnp_parser(reader, whole).behind(message.getRoot<AnyPointer>(), what) && reader.is_done();
    });
}

}  // namespace mydht::wire
