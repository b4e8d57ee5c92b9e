#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <mydht/core/bytes.hpp>
#include <mydht/wire/decode_limits.hpp>

/// What a codec knows of a struct: its fields, and how to get at them without knowing its type. Written down once for
/// each struct (mydht/wire/described.hpp), read by every codec.
namespace mydht::wire {

enum class shape_kind : std::uint8_t {
    boolean,
    natural,   ///< 0 to 2^64 - 1, or what fits the field
    integer,   ///< -2^63 to 2^63 - 1, or what fits the field
    real,      ///< a double
    text,      ///< UTF-8
    binary,    ///< bytes, of a fixed size or of any
    place,     ///< an address, empty ones included
    record,    ///< a struct with fields
    choice,    ///< a variant: one of several alternatives
    list,      ///< elements of one shape
    optional,  ///< one of a shape, or nothing
};

struct field;

/// The shape of a type. The functions take the object as the type it is of; those that a kind has no use for are null.
struct shape {
    shape_kind kind = shape_kind::boolean;
    /// A record's or a choice's; empty for others.
    std::string_view name;
    /// The fields of a record, the alternatives of a choice; their numbers ascend.
    std::span<const field> fields;
    /// How many fields of a record are numbers, how many are something else; with those that are gone.
    std::uint8_t words = 0;
    std::uint8_t pointers = 0;
    /// Of a list's elements, of an optional's content.
    const shape& (*inner)() = nullptr;

    /// boolean, natural; integer as two's complement; real as the bits of IEEE 754's binary64.
    std::uint64_t (*number)(const void* object) = nullptr;
    /// False, and nothing changed, when the number does not fit.
    bool (*set_number)(void* object, std::uint64_t value) = nullptr;
    /// Of a natural: greater ones fit no reader.
    std::uint64_t number_max = ~std::uint64_t{0};

    /// Of a binary that always has so many bytes; 0 for others.
    std::size_t fixed_bytes = 0;
    /// text and binary. The view lives as long as the object is not changed.
    bytes_view (*view)(const void* object) = nullptr;
    /// text and binary: false, and nothing changed, when a binary of a fixed size is given another one.
    bool (*assign)(void* object, bytes_view data) = nullptr;

    /// How many elements a list has; 1 or 0 for an optional; the index in `fields` of a choice's alternative.
    std::size_t (*count)(const void* object) = nullptr;
    /// The element of a list; the content of an optional; the alternative that a choice has.
    const void* (*at)(const void* object, std::size_t index) = nullptr;
    /// Appends an element to a list; gives an optional its content; makes a choice have the alternative with that index
    /// in `fields`. What comes is default constructed.
    void* (*add)(void* object, std::size_t index) = nullptr;

    /// Makes it zero or empty, whatever its default in C++ is. Null for records, whose fields have it, and choices.
    void (*clear)(void* object) = nullptr;
    /// Of a record: called when all of its fields have been read; false when they cannot stand together. May be null.
    bool (*complete)(void* object) = nullptr;
    /// The same before it is written; null as well where complete() changes the object.
    bool (*is_complete)(const void* object) = nullptr;
};

/// A member of a record, or an alternative of a choice.
struct field {
    /// 1 to field_number_max, never used anew for something else: it is the field's name in the compact encodings.
    std::uint8_t number = 0;
    /// Of a member: how many before it are numbers as it is, or how many are something else as it is.
    std::uint8_t place = 0;
    std::string_view name;
    const shape& (*what)() = nullptr;
    /// The member in a record; null for an alternative.
    void* (*of)(void* object) = nullptr;
    /// How many elements of a list, how many bytes of a text or binary; null: what decode_limits says of all.
    std::size_t decode_limits::*limit = nullptr;

    [[nodiscard]] const void* in(const void* object) const { return of(const_cast<void*>(object)); }
    /// Of this field, which is `is`.
    [[nodiscard]] std::size_t limit_among(const decode_limits& limits, const shape& is) const noexcept {
        if (limit != nullptr) return limits.*limit;
        return is.kind == shape_kind::list ? limits.elements : limits.message_bytes;
    }
    /// The name in encodings that are to be compact: one letter, or "z" and one letter. Sorted as the numbers are.
    [[nodiscard]] std::string_view short_name() const noexcept;
};

/// Specialised for structs (`name`, `fields`, and `complete` where there is something to check) and for variants
/// (`name`, `fields` made of alternative<T>()), see mydht/wire/described.hpp.
template <typename T>
struct described;

template <typename T>
concept is_described = requires {
    { described<T>::name } -> std::convertible_to<std::string_view>;
    described<T>::fields;
};

/// The shape of a type that can be a member. Lives for ever. Defined in mydht/wire/described.hpp.
template <typename T>
[[nodiscard]] const shape& shape_of() noexcept;

inline constexpr std::uint8_t field_number_max = 51;

/// The number of a short name; 0 when it is none.
[[nodiscard]] std::uint8_t number_of_short_name(std::string_view name) noexcept;

/// True when there is nothing to write: zero, empty, no content. Readers take a field that is missing for that.
[[nodiscard]] bool is_empty(const shape& what, const void* object);

/// Whether a reader with these limits takes what the object holds. Errors: errc::too_large for a limit;
/// errc::bad_argument for a text that is not UTF-8, an empty address where one has to be, a number that does not fit
/// its field, a variant that holds nothing, and what described<T>::complete(const T&) refuses.
[[nodiscard]] result<void> check_writable(const shape& what, const void* object, const decode_limits& limits);

/// Makes the object what a reader takes a missing one for, whatever its default in C++ is. False when it has to be
/// there: a choice; a record that has one, or that is not complete when it is empty.
[[nodiscard]] bool make_absent(const shape& what, void* object);

}  // namespace mydht::wire
