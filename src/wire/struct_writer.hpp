#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include <mydht/core/address.hpp>
#include <mydht/wire/shape.hpp>

namespace mydht::wire {

/// Whether all bytes are zero: mostly the first one tells.
[[nodiscard]] inline bool is_zero(bytes_view data) {
    return std::ranges::all_of(data, [](std::uint8_t byte) { return byte == 0; });
}

[[nodiscard]] inline std::size_t fields_to_write(const shape& record, const void* object) {
    std::size_t out = 0;
    for (const auto& one : record.fields) out += is_empty(one.what(), one.in(object)) ? 0 : 1;
    return out;
}

/// Says to `to` what a struct has: the fields that are not empty, in the order of their numbers. A sink has
/// begin_record(fields), name(field), end_record(), begin_list(elements), end_list(), boolean, natural, integer, real,
/// text, binary and place; and wants_count: whether it is told how many fields come, which takes time to find out.
template <typename Sink>
void write_struct(const shape& what, const void* object, Sink& to);

namespace detail {

/// What an element of a list is, and a member that stands behind its name: written whatever it is.
inline constexpr const field* nameless = nullptr;

/// A number, a text or bytes: with its name, unless it is empty; without one, always.
template <typename Sink>
void write_plain(const field* name, const shape& what, const void* object, Sink& to) {
    const auto is_written = [&](bool empty) {
        if (name == nameless) return true;
        if (!empty) to.name(*name);
        return !empty;
    };
    switch (what.kind) {
        case shape_kind::text:
        case shape_kind::binary: {
            const auto data = what.view(object);
            const bool empty = what.fixed_bytes == 0 ? data.empty() : name != nameless && is_zero(data);
            if (!is_written(empty)) return;
            if (what.kind == shape_kind::text) return to.text(as_text(data));
            return to.binary(data);
        }
        case shape_kind::place: {
            const auto& where = *static_cast<const address*>(object);
            if (is_written(where.empty())) to.place(where);
            return;
        }
        default: break;
    }
    const auto number = what.number(object);
    if (!is_written(number == 0)) return;
    switch (what.kind) {
        case shape_kind::boolean: return to.boolean(number != 0);
        case shape_kind::integer: return to.integer(static_cast<std::int64_t>(number));
        case shape_kind::real: return to.real(std::bit_cast<double>(number));
        default: return to.natural(number);
    }
}

template <typename Sink>
void write_member(const field* name, const shape& what, const void* object, Sink& to) {
    switch (what.kind) {
        case shape_kind::record: {
            if (name != nameless) to.name(*name);
            to.begin_record(Sink::wants_count ? fields_to_write(what, object) : 0);
            for (const auto& one : what.fields) write_member(&one, one.what(), one.in(object), to);
            to.end_record();
            return;
        }
        case shape_kind::choice: {
            if (name != nameless) to.name(*name);
            const auto index = what.count(object);
            to.begin_record(1);
            to.name(what.fields[index]);
            write_member(nameless, what.fields[index].what(), what.at(object, index), to);
            to.end_record();
            return;
        }
        case shape_kind::list: {
            const auto count = what.count(object);
            if (count == 0 && name != nameless) return;
            if (name != nameless) to.name(*name);
            to.begin_list(count);
            const auto& inner = what.inner();
            for (std::size_t i = 0; i < count; ++i) write_member(nameless, inner, what.at(object, i), to);
            to.end_list();
            return;
        }
        case shape_kind::optional: {
            if (what.count(object) == 0) return;
            if (name != nameless) to.name(*name);
            write_member(nameless, what.inner(), what.at(object, 0), to);
            return;
        }
        default: return write_plain(name, what, object, to);
    }
}

}  // namespace detail

template <typename Sink>
void write_struct(const shape& what, const void* object, Sink& to) {
    detail::write_member(detail::nameless, what, object, to);
}

}  // namespace mydht::wire
