#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/core/time.hpp>
#include <mydht/wire/shape.hpp>

/// Structs that describe themselves, so that every codec can write and read them:
///
///     struct chat_line {
///         std::string text;
///         std::uint64_t at = 0;
///         std::vector<std::string> mentions;
///     };
///
///     template <>
///     struct mydht::wire::described<chat_line> {
///         static constexpr std::string_view name = "chat_line";
///         static constexpr auto fields =
///             std::tuple(member<&chat_line::text>(1, "text"), member<&chat_line::at>(2, "at"),
///                        member<&chat_line::mentions>(3, "mentions"));
///     };
///
/// A member may be: bool, an integer, a double, an enum, std::string (UTF-8), bytes, an array of bytes with a size of
/// its own (id256, public_key), an address, std::chrono::milliseconds (0 to 2^32 - 1), wall_time, a described struct, a
/// described std::variant, and std::optional or std::vector of these. Numbers and names once given stay; new members
/// get new numbers; readers skip those that they do not know.
namespace mydht::wire {

/// Specialised for enums that grow: greater numbers are read as 0.
template <typename Enum>
struct last_known;

/// An entry of described<T>::fields. Schema is for encodings with generated code of their own.
template <auto Member, typename Schema = void>
struct member_entry {
    std::uint8_t number;
    std::string_view name;
    std::size_t decode_limits::*limit;
    static constexpr auto pointer = Member;
    using schema = Schema;
};

template <typename T, typename Schema = void>
struct alternative_entry {
    std::uint8_t number;
    std::string_view name;
    using type = T;
    using schema = Schema;
};

template <auto Member, typename Schema = void>
[[nodiscard]] constexpr member_entry<Member, Schema> member(std::uint8_t number, std::string_view name,
                                                            std::size_t decode_limits::*limit = nullptr) {
    return {number, name, limit};
}

template <typename T, typename Schema = void>
[[nodiscard]] constexpr alternative_entry<T, Schema> alternative(std::uint8_t number, std::string_view name) {
    return {number, name};
}

namespace detail {

template <typename T>
struct is_list : std::false_type {};
template <typename T>
struct is_list<std::vector<T>> : std::bool_constant<!std::same_as<T, std::uint8_t>> {};

template <typename T>
struct is_optional : std::false_type {};
template <typename T>
struct is_optional<std::optional<T>> : std::true_type {};

template <typename T>
struct is_variant : std::false_type {};
template <typename... T>
struct is_variant<std::variant<T...>> : std::true_type {};

template <typename T>
concept sized_bytes = requires(T value, bytes_view data) {
    std::integral_constant<std::size_t, T::size>();
    { value.view() } -> std::convertible_to<bytes_view>;
    { T::from_bytes(data) } -> std::same_as<result<T>>;
};

template <typename T>
concept plain_number = std::integral<T> || std::is_enum_v<T>;

template <typename T>
struct number_of {
    using type = T;
};
template <typename T>
    requires std::is_enum_v<T>
struct number_of<T> {
    using type = std::underlying_type_t<T>;
};

template <typename T>
using number_type = typename number_of<T>::type;

template <typename T>
concept growing_enum = requires {
    last_known<T>::value;
};

template <plain_number T>
[[nodiscard]] bool assign_number(T& to, std::uint64_t value) {
    using number = number_type<T>;
    if constexpr (std::is_signed_v<number>) {
        const auto wide = static_cast<std::int64_t>(value);
        if (wide < std::numeric_limits<number>::min() || wide > std::numeric_limits<number>::max()) return false;
        to = static_cast<T>(wide);
    } else {
        if (value > std::numeric_limits<number>::max()) return false;
        if constexpr (growing_enum<T>) {
            if (value > static_cast<std::uint64_t>(last_known<T>::value)) value = 0;
        }
        to = static_cast<T>(value);
    }
    return true;
}

template <typename T>
constexpr shape number_shape() {
    shape out;
    if constexpr (std::same_as<T, bool>) {
        out.kind = shape_kind::boolean;
    } else {
        out.kind = std::is_signed_v<number_type<T>> ? shape_kind::integer : shape_kind::natural;
    }
    out.number = [](const void* object) {
        return static_cast<std::uint64_t>(static_cast<number_type<T>>(*static_cast<const T*>(object)));
    };
    out.set_number = [](void* object, std::uint64_t value) { return assign_number(*static_cast<T*>(object), value); };
    return out;
}

template <typename T>
constexpr shape real_shape() {
    shape out;
    out.kind = shape_kind::real;
    out.number = [](const void* object) {
        return std::bit_cast<std::uint64_t>(static_cast<double>(*static_cast<const T*>(object)));
    };
    out.set_number = [](void* object, std::uint64_t bits) {
        *static_cast<T*>(object) = static_cast<T>(std::bit_cast<double>(bits));
        return true;
    };
    return out;
}

/// A length of time: milliseconds that fit 32 bits.
constexpr shape length_shape() {
    using std::chrono::milliseconds;
    shape out;
    out.kind = shape_kind::natural;
    out.number = [](const void* object) {
        return static_cast<std::uint64_t>(static_cast<const milliseconds*>(object)->count());
    };
    out.set_number = [](void* object, std::uint64_t value) {
        if (value > std::numeric_limits<std::uint32_t>::max()) return false;
        *static_cast<milliseconds*>(object) = milliseconds(value);
        return true;
    };
    return out;
}

/// Milliseconds since 1970-01-01 UTC.
constexpr shape time_shape() {
    shape out;
    out.kind = shape_kind::integer;
    out.number = [](const void* object) {
        return static_cast<std::uint64_t>(static_cast<const wall_time*>(object)->time_since_epoch().count());
    };
    out.set_number = [](void* object, std::uint64_t value) {
        *static_cast<wall_time*>(object) = wall_time(std::chrono::milliseconds(static_cast<std::int64_t>(value)));
        return true;
    };
    return out;
}

template <typename T>
constexpr shape octets_shape() {
    shape out;
    out.kind = std::same_as<T, std::string> ? shape_kind::text : shape_kind::binary;
    if constexpr (sized_bytes<T>) out.fixed_bytes = T::size;
    out.view = [](const void* object) -> bytes_view {
        const auto& value = *static_cast<const T*>(object);
        if constexpr (std::same_as<T, std::string>) {
            return as_bytes(value);
        } else if constexpr (sized_bytes<T>) {
            return value.view();
        } else {
            return value;
        }
    };
    out.assign = [](void* object, bytes_view data) {
        auto& value = *static_cast<T*>(object);
        if constexpr (sized_bytes<T>) {
            const auto got = T::from_bytes(data);
            if (got) value = *got;
            return got.has_value();
        } else {
            value.assign(data.begin(), data.end());
            return true;
        }
    };
    return out;
}

template <typename T>
constexpr shape list_shape() {
    shape out;
    out.kind = shape_kind::list;
    out.inner = &shape_of<typename T::value_type>;
    out.count = [](const void* object) { return static_cast<const T*>(object)->size(); };
    out.at = [](const void* object, std::size_t i) -> const void* { return &(*static_cast<const T*>(object))[i]; };
    out.add = [](void* object, std::size_t) -> void* { return &static_cast<T*>(object)->emplace_back(); };
    return out;
}

template <typename T>
constexpr shape optional_shape() {
    shape out;
    out.kind = shape_kind::optional;
    out.inner = &shape_of<typename T::value_type>;
    out.count = [](const void* object) { return std::size_t{static_cast<const T*>(object)->has_value()}; };
    out.at = [](const void* object, std::size_t) -> const void* { return &**static_cast<const T*>(object); };
    out.add = [](void* object, std::size_t) -> void* { return &static_cast<T*>(object)->emplace(); };
    return out;
}

template <typename T, typename Entry>
constexpr field field_of(const Entry& entry) {
    field out;
    out.number = entry.number;
    out.name = entry.name;
    if constexpr (requires { Entry::pointer; }) {
        using type = std::remove_reference_t<decltype(std::declval<T&>().*Entry::pointer)>;
        if constexpr (std::is_pointer_v<type>) {
            // Ours alone: an envelope that is written or read in place.
            out.what = &shape_of<std::remove_cv_t<std::remove_pointer_t<type>>>;
            out.of = [](void* object) -> void* {
                return const_cast<std::remove_cv_t<std::remove_pointer_t<type>>*>(
                    static_cast<T*>(object)->*Entry::pointer);
            };
        } else {
            out.what = &shape_of<type>;
            out.of = [](void* object) -> void* { return &(static_cast<T*>(object)->*Entry::pointer); };
        }
        out.limit = entry.limit;
    } else {
        out.what = &shape_of<typename Entry::type>;
    }
    return out;
}

template <typename T>
inline constexpr auto field_table =
    std::apply([](const auto&... entry) { return std::array<field, sizeof...(entry)>{field_of<T>(entry)...}; },
               described<T>::fields);

/// Numbers ascend from 1, so that all encodings have the fields in one order.
template <typename T>
constexpr bool has_good_numbers() {
    std::uint8_t last = 0;
    for (const auto& one : field_table<T>) {
        if (one.number <= last || one.number > field_number_max) return false;
        last = one.number;
    }
    return true;
}

template <typename T>
constexpr shape record_shape() {
    static_assert(has_good_numbers<T>(), "the numbers of fields ascend, from 1 to field_number_max");
    shape out;
    out.kind = shape_kind::record;
    out.name = described<T>::name;
    out.fields = field_table<T>;
    if constexpr (requires(T value) {
                      { described<T>::complete(value) } -> std::same_as<bool>;
                  }) {
        out.complete = [](void* object) { return described<T>::complete(*static_cast<T*>(object)); };
    }
    return out;
}

template <typename Alternative, typename... T>
constexpr std::size_t index_in(const std::variant<T...>*) {
    std::size_t out = 0;
    std::size_t i = 0;
    ((std::same_as<Alternative, T> ? out = i++ : i++), ...);
    return out;
}

/// For each alternative in described<T>::fields the index that the variant gives it.
template <typename T>
inline constexpr auto variant_indices = std::apply(
    []<typename... Entry>(const Entry&...) {
        return std::array<std::size_t, sizeof...(Entry)>{index_in<typename Entry::type>(static_cast<T*>(nullptr))...};
    },
    described<T>::fields);

template <typename T>
constexpr shape choice_shape() {
    static_assert(has_good_numbers<T>(), "the numbers of alternatives ascend, from 1 to field_number_max");
    static_assert(std::variant_size_v<T> == field_table<T>.size(), "every alternative has an entry");
    shape out;
    out.kind = shape_kind::choice;
    out.name = described<T>::name;
    out.fields = field_table<T>;
    out.count = [](const void* object) {
        const auto& all = variant_indices<T>;
        const auto found = std::find(all.begin(), all.end(), static_cast<const T*>(object)->index());
        return static_cast<std::size_t>(found - all.begin());
    };
    out.at = [](const void* object, std::size_t) -> const void* {
        return std::visit([](const auto& value) -> const void* { return &value; }, *static_cast<const T*>(object));
    };
    out.add = [](void* object, std::size_t index) -> void* {
        void* made = nullptr;
        const auto try_one = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
            if (I == index) made = &static_cast<T*>(object)->template emplace<variant_indices<T>[I]>();
        };
        [&]<std::size_t... I>(std::index_sequence<I...>) { (try_one(std::integral_constant<std::size_t, I>()), ...); }
        (std::make_index_sequence<std::variant_size_v<T>>());
        return made;
    };
    return out;
}

template <typename T>
constexpr shape make_shape() {
    if constexpr (plain_number<T>) {
        return number_shape<T>();
    } else if constexpr (std::floating_point<T>) {
        return real_shape<T>();
    } else if constexpr (std::same_as<T, std::chrono::milliseconds>) {
        return length_shape();
    } else if constexpr (std::same_as<T, wall_time>) {
        return time_shape();
    } else if constexpr (std::same_as<T, std::string> || std::same_as<T, bytes> || sized_bytes<T>) {
        return octets_shape<T>();
    } else if constexpr (std::same_as<T, address>) {
        shape out;
        out.kind = shape_kind::place;
        return out;
    } else if constexpr (is_list<T>::value) {
        return list_shape<T>();
    } else if constexpr (is_optional<T>::value) {
        return optional_shape<T>();
    } else {
        static_assert(is_described<T>, "mydht::wire::described has to be specialised for this type");
        if constexpr (is_variant<T>::value) {
            return choice_shape<T>();
        } else {
            return record_shape<T>();
        }
    }
}

template <typename T>
inline constexpr shape shape_value = make_shape<T>();

}  // namespace detail

template <typename T>
const shape& shape_of() noexcept {
    return detail::shape_value<T>;
}

}  // namespace mydht::wire
