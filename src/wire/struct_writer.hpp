#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include <mydht/core/address.hpp>
#include <mydht/wire/shape.hpp>

namespace mydht::wire {

[[nodiscard]] inline std::size_t fields_to_write(const shape& record, const void* object) {
    std::size_t out = 0;
    for (const auto& one : record.fields) out += is_empty(one.what(), one.in(object)) ? 0 : 1;
    return out;
}

/// Says to `to` what a struct has: the fields that are not empty, in the order of their numbers. A sink has
/// begin_record(fields), name(field), end_record(), begin_list(elements), end_list(), boolean, natural, integer, real,
/// text, binary and place; and wants_count: whether it is told how many fields come, which takes time to find out.
template <typename Sink>
void write_struct(const shape& what, const void* object, Sink& to) {
    switch (what.kind) {
        case shape_kind::boolean: to.boolean(what.number(object) != 0); return;
        case shape_kind::natural: to.natural(what.number(object)); return;
        case shape_kind::integer: to.integer(static_cast<std::int64_t>(what.number(object))); return;
        case shape_kind::real: to.real(std::bit_cast<double>(what.number(object))); return;
        case shape_kind::text: to.text(as_text(what.view(object))); return;
        case shape_kind::binary: to.binary(what.view(object)); return;
        case shape_kind::place: to.place(*static_cast<const address*>(object)); return;
        case shape_kind::record: {
            to.begin_record(Sink::wants_count ? fields_to_write(what, object) : 0);
            for (const auto& one : what.fields) {
                const auto* member = one.in(object);
                const auto& shape = one.what();
                if (is_empty(shape, member)) continue;
                to.name(one);
                write_struct(shape, member, to);
            }
            to.end_record();
            return;
        }
        case shape_kind::choice: {
            const auto index = what.count(object);
            to.begin_record(1);
            to.name(what.fields[index]);
            write_struct(what.fields[index].what(), what.at(object, index), to);
            to.end_record();
            return;
        }
        case shape_kind::list: {
            const auto count = what.count(object);
            to.begin_list(count);
            for (std::size_t i = 0; i < count; ++i) write_struct(what.inner(), what.at(object, i), to);
            to.end_list();
            return;
        }
        case shape_kind::optional: write_struct(what.inner(), what.at(object, 0), to); return;
    }
}

}  // namespace mydht::wire
