#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
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
#include <mydht/wire/described_fields.hpp>
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
/// A member may be: bool, an integer, a float or double, an enum, std::string (UTF-8), bytes, an array of bytes with a
/// size of its own (id256, public_key), an address, std::chrono::milliseconds (0 to 2^32 - 1), wall_time, a described
/// struct, a described std::variant, and std::optional or std::vector of these, but not of each other: between a list
/// and a list, or a list and an optional, lies a struct. A variant has each of its types once, and no optionals or
/// lists.
///
/// described<T>::complete(const T&), where there is one, says whether the members can stand together: it is asked
/// before a struct is written and once it has been read. A struct that is not there is an empty one, and asked as
/// well. With complete(T&) the struct can be given what does not travel; that is called for what was read alone.
///
/// The fields have the numbers 1, 2, 3 and so on. A new member gets the next number; one that is dropped leaves
/// retired<T>() with its number and the type that it had in the list. So readers of any age find each field in its
/// place, and those of which nothing came are empty; readers skip fields that they do not know. A field keeps its name,
/// its number and its type. Alternatives of a variant ascend as well, and one that is dropped just leaves a gap.
namespace mydht::wire {

namespace detail {

template <plain_number T>
[[nodiscard]] bool assign_number(T& to, std::uint64_t value) {
    using number = number_type<T>;
    if constexpr (std::is_signed_v<number>) {
        const auto wide = static_cast<std::int64_t>(value);
        if (wide < std::numeric_limits<number>::min() || wide > std::numeric_limits<number>::max()) return false;
    } else {
        if (value > std::numeric_limits<number>::max()) return false;
    }
    if constexpr (growing_enum<T>) {
        // A negative number is a large one here.
        if (value > static_cast<std::uint64_t>(last_known<T>::value)) value = 0;
    }
    to = static_cast<T>(static_cast<number>(value));
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
    static_assert(sizeof(T) <= sizeof(double), "a member that is a long double: the encodings have doubles");
    shape out;
    out.kind = shape_kind::real;
    out.number = [](const void* object) {
        return std::bit_cast<std::uint64_t>(static_cast<double>(*static_cast<const T*>(object)));
    };
    out.set_number = [](void* object, std::uint64_t bits) {
        const auto value = std::bit_cast<double>(bits);
        // No float: it would become infinite.
        if (std::isfinite(value) && std::abs(value) > std::numeric_limits<T>::max()) return false;
        *static_cast<T*>(object) = static_cast<T>(value);
        return true;
    };
    return out;
}

/// A length of time: milliseconds that fit 32 bits.
constexpr shape length_shape() {
    using std::chrono::milliseconds;
    shape out;
    out.kind = shape_kind::natural;
    out.number_max = std::numeric_limits<std::uint32_t>::max();
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
    using element = typename T::value_type;
    static_assert(is_single<element>, "a list of lists or of optionals: put them into a struct, and list that");
    static_assert(!std::same_as<element, bool>,
                  "std::vector<bool> has no elements to refer to: list numbers, or bytes");
    shape out;
    out.kind = shape_kind::list;
    out.inner = &shape_of<element>;
    out.count = [](const void* object) { return static_cast<const T*>(object)->size(); };
    out.at = [](const void* object, std::size_t i) -> const void* { return &(*static_cast<const T*>(object))[i]; };
    out.add = [](void* object, std::size_t) -> void* { return &static_cast<T*>(object)->emplace_back(); };
    return out;
}

template <typename T>
constexpr shape optional_shape() {
    static_assert(is_single<typename T::value_type>,
                  "an optional list or optional: put it into a struct; a list alone "
                  "can be empty");
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
    if constexpr (is_member<Entry>) {
        using type = member_type<T, Entry>;
        if constexpr (std::same_as<typename Entry::schema, in_place>) {
            using pointed = std::remove_cv_t<std::remove_pointer_t<type>>;
            out.what = &shape_of<pointed>;
            out.of = [](void* object) -> void* {
                return const_cast<pointed*>(static_cast<T*>(object)->*Entry::pointer);
            };
        } else {
            static_assert(!std::is_pointer_v<type>, "a member that is a pointer: described structs own what they have");
            out.what = &shape_of<type>;
            out.of = [](void* object) -> void* { return &(static_cast<T*>(object)->*Entry::pointer); };
        }
        out.limit = entry.limit;
    } else {
        out.what = &shape_of<typename Entry::type>;
    }
    return out;
}

/// How many words and pointers the fields of a record take in Cap'n Proto, those included that are gone.
struct record_layout {
    std::uint8_t words = 0;
    std::uint8_t pointers = 0;

    constexpr std::uint8_t& of(bool is_word) noexcept { return is_word ? words : pointers; }
};

template <typename T>
struct field_table {
    static constexpr std::size_t size =
        std::apply([]<typename... Entry>(const Entry&...) { return (std::size_t{0} + ... + !is_retired<Entry>); },
                   described<T>::fields);

    std::array<field, size> fields{};
    record_layout layout{};

    constexpr field_table() {
        std::size_t count = 0;
        const auto add = [&]<typename Entry>(const Entry& entry) {
            if constexpr (is_retired<Entry>) {
                auto& used = layout.of(takes_word<typename Entry::was>);
                used = static_cast<std::uint8_t>(used + entry.last - entry.number + 1);
            } else {
                fields[count] = field_of<T>(entry);
                if constexpr (is_member<Entry>) {
                    fields[count].place = layout.of(takes_word<member_type<T, Entry>>)++;
                }
                ++count;
            }
        };
        std::apply([&](const auto&... entry) { (add(entry), ...); }, described<T>::fields);
    }
};

template <typename T>
inline constexpr field_table<T> field_table_of;

template <typename T>
constexpr shape record_shape() {
    static_assert(has_members_alone<T>, "the fields of a struct are member<...>() and retired<...>()");
    static_assert(has_good_numbers<T>,
                  "the numbers of fields are 1, 2, 3, ... to field_number_max: put "
                  "retired<type>(number) where a member is gone");
    static_assert(has_good_names<T>,
                  "the names of fields differ, and are visible ASCII without quotes and backslashes");
    const auto& table = field_table_of<T>;
    shape out;
    out.kind = shape_kind::record;
    out.name = described<T>::name;
    out.fields = table.fields;
    out.words = table.layout.words;
    out.pointers = table.layout.pointers;
    if constexpr (requires(T value) {
                      { described<T>::complete(value) } -> std::same_as<bool>;
                  }) {
        out.complete = [](void* object) { return described<T>::complete(*static_cast<T*>(object)); };
    }
    if constexpr (requires(const T& value) {
                      { described<T>::complete(value) } -> std::same_as<bool>;
                  }) {
        out.is_complete = [](const void* object) { return described<T>::complete(*static_cast<const T*>(object)); };
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
    static_assert(has_each_alternative<T>,
                  "the fields of a variant are alternative<...>(), one for each of its types, "
                  "and no type is there twice: put them into structs of their own");
    static_assert(has_single_alternatives<T>, "an alternative that is a list or an optional: put it into a struct");
    static_assert(has_good_numbers<T>, "the numbers of alternatives ascend, from 1 to field_number_max");
    static_assert(has_good_names<T>,
                  "the names of alternatives differ, and are visible ASCII without quotes and "
                  "backslashes");
    shape out;
    out.kind = shape_kind::choice;
    out.name = described<T>::name;
    out.fields = field_table_of<T>.fields;
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
void clear(void* object) {
    auto& value = *static_cast<T*>(object);
    if constexpr (sized_bytes<T>) {
        if (const auto zero = T::from_bytes(std::array<std::uint8_t, T::size>())) value = *zero;
    } else {
        value = T();
    }
}

template <typename T>
constexpr shape shape_of_kind() {
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
constexpr shape make_shape() {
    auto out = shape_of_kind<T>();
    if constexpr (!is_described<T>) out.clear = &clear<T>;
    return out;
}

template <typename T>
inline constexpr shape shape_value = make_shape<T>();

}  // namespace detail

template <typename T>
const shape& shape_of() noexcept {
    return detail::shape_value<T>;
}

}  // namespace mydht::wire
