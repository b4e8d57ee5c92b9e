#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>
#include <mydht/wire/shape.hpp>

/// What described<T>::fields is made of, and what has to be true of it (mydht/wire/described.hpp).
namespace mydht::wire {

/// Specialised for enums that grow, from 0 up: other numbers than 0 to `value` are read as 0.
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

/// Numbers that fields of the type T had which are gone.
template <typename T>
struct retired_entry {
    std::uint8_t number;
    std::uint8_t last;
    std::string_view name;
    using was = T;
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

/// In the place of a member that is gone. With its name that is not given to another one either.
template <typename T>
[[nodiscard]] constexpr retired_entry<T> retired(std::uint8_t number, std::string_view name = {}) {
    return {number, number, name};
}

/// In the place of several members that are gone, all of the type T.
template <typename T>
[[nodiscard]] constexpr retired_entry<T> retired(std::uint8_t first, std::uint8_t last) {
    return {first, last, {}};
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

// --- what may be described -------------------------------------------------------------------------------------------

/// As a schema: the member points to what it stands for. For an envelope that is written or read where it lies.
struct in_place;

template <typename Entry>
concept is_member = requires {
    Entry::pointer;
};
template <typename Entry>
concept is_retired = requires {
    typename Entry::was;
};
template <typename Entry>
concept is_alternative = requires {
    typename Entry::type;
};

template <typename T, typename Entry>
using member_type = std::remove_reference_t<decltype(std::declval<T&>().*Entry::pointer)>;

/// What lists, optionals and variants have.
template <typename T>
concept is_single = !is_list<T>::value && !is_optional<T>::value && !std::is_pointer_v<T>;

/// A number; everything else lies behind a pointer in Cap'n Proto.
template <typename T>
inline constexpr bool takes_word = plain_number<T> || std::floating_point<T> ||
                                   std::same_as<T, std::chrono::milliseconds> || std::same_as<T, wall_time>;

template <typename T>
inline constexpr bool has_members_alone =
    std::apply([]<typename... Entry>(const Entry&...) { return ((is_member<Entry> || is_retired<Entry>)&&...); },
               described<T>::fields);

/// From 1 up; of a struct with no gaps: Cap'n Proto finds a field by how many lie before it.
template <typename T>
inline constexpr bool has_good_numbers = std::apply(
    [](const auto&... entry) {
        unsigned last = 0;
        [[maybe_unused]] const auto follows = [&last]<typename Entry>(const Entry& one) {
            const bool fine = is_alternative<Entry> ? one.number > last : one.number == last + 1;
            last = one.number;
            if constexpr (is_retired<Entry>) last = one.last;
            return fine && one.number <= last && last <= field_number_max;
        };
        return (follows(entry) && ...);
    },
    described<T>::fields);

constexpr bool is_good_name(std::string_view name) {
    return !name.empty() &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\\'; });
}

/// They are written as they are, and found by what they are.
template <typename T>
inline constexpr bool has_good_names = std::apply(
    [](const auto&... entry) {
        const std::array<std::string_view, sizeof...(entry)> names{entry.name...};
        [[maybe_unused]] const auto fine = [&names]<typename Entry>(const Entry& one) {
            if (is_retired<Entry> && one.name.empty()) return true;
            return is_good_name(one.name) && std::count(names.begin(), names.end(), one.name) == 1;
        };
        return (fine(entry) && ...);
    },
    described<T>::fields);

template <typename T, typename... U>
inline constexpr std::size_t times_among = (std::size_t{0} + ... + std::same_as<T, U>);

template <typename Entry>
struct alternative_of {
    using type = void;
};
template <is_alternative Entry>
struct alternative_of<Entry> {
    using type = typename Entry::type;
};

template <typename Variant, typename Entries>
inline constexpr bool are_same_types = false;
template <typename... T, typename... Entry>
inline constexpr bool are_same_types<std::variant<T...>, std::tuple<Entry...>> =
    sizeof...(T) == sizeof...(Entry) &&
    ((times_among<T, T...> == 1 && times_among<T, typename alternative_of<Entry>::type...> == 1) && ...);

template <typename T>
inline constexpr bool has_each_alternative = are_same_types<T, std::remove_cvref_t<decltype(described<T>::fields)>>;

template <typename T>
inline constexpr bool has_single_alternatives = false;
template <typename... T>
inline constexpr bool has_single_alternatives<std::variant<T...>> = (is_single<T> && ...);

}  // namespace detail

}  // namespace mydht::wire
