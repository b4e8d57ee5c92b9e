// From the fields of a message to the generated builders: what is written down in message_fields.hpp, field by field.
#include <capnp/message.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <vector>

#include "wire/address_list.hpp"
#include "wire/capnp_codec.hpp"
#include "wire/capnp_segments.hpp"
#include "wire/little_endian.hpp"
#include "wire/message_fields.hpp"
#include "wire/mydht.capnp.h"

namespace mydht::wire {

namespace {

namespace trait = mydht::wire::detail;

constexpr std::size_t words_of(std::size_t size) noexcept { return (size + capnp_word_bytes - 1) / capnp_word_bytes; }

template <typename T>
concept inline_bytes = trait::sized_bytes<T> && T::size <= 32;

template <typename T>
concept fixed_list = trait::is_list<T>::value && trait::sized_bytes<typename T::value_type>;

template <typename T>
constexpr bool is_record = false;
template <is_described T>
constexpr bool is_record<T> = !trait::is_variant<T>::value;

template <typename T>
constexpr bool has_fields = std::tuple_size_v<std::remove_cvref_t<decltype(described<T>::fields)>> != 0;

// --- sizes: a bound on the words that a message takes, so that it is written into one segment where it is sent from --

/// Words of a struct with the pointer or the list tag that leads to it.
template <typename Struct>
constexpr std::size_t struct_words = 1 + Struct::_capnpPrivate::dataWordSize + Struct::_capnpPrivate::pointerCount;

/// The generated struct that stands for a record: what a builder of it builds.
template <typename Builder>
using built_by = typename Builder::Builds;

template <typename Builder, typename T>
std::size_t words_bound(const T& from);

/// What a member takes beside its place in the struct.
template <typename Builder, typename Entry, typename T>
std::size_t member_words(const T& value) {
    using schema = typename Entry::schema;
    if constexpr (std::same_as<T, std::string> || std::same_as<T, bytes>) {
        return words_of(value.size() + 1);
    } else if constexpr (std::same_as<T, address> || std::same_as<T, std::vector<address>>) {
        return words_of(packed_size(value));
    } else if constexpr (fixed_list<T>) {
        return words_of(value.size() * T::value_type::size);
    } else if constexpr (inline_bytes<T>) {
        return 0;
    } else if constexpr (trait::sized_bytes<T>) {
        return words_of(T::size);
    } else if constexpr (std::same_as<T, std::optional<signed_record>>) {
        return value ? words_of(value->body.size()) + words_of(signature::size) : 0;
    } else if constexpr (trait::is_list<T>::value) {
        using list = decltype(schema::init(std::declval<Builder&>(), 0U));
        using element = decltype(std::declval<list&>()[0]);
        std::size_t out = 1;
        for (const auto& one : value) out += words_bound<element>(one);
        return out;
    } else if constexpr (trait::is_variant<T>::value) {
        return words_bound<decltype(schema::group(std::declval<Builder&>()))>(value);
    } else if constexpr (is_record<T>) {
        return words_bound<decltype(schema::init(std::declval<Builder&>()))>(value);
    } else {
        return 0;
    }
}

template <typename Choice, typename Builder, typename T>
std::size_t alternative_words(const T& chosen) {
    if constexpr (has_fields<T>) {
        using schema = schema_of_alternative<Choice, T>;
        return words_bound<decltype(schema::init(std::declval<Builder&>()))>(chosen);
    } else {
        return 0;
    }
}

template <typename Builder, typename T>
std::size_t words_bound(const T& from) {
    if constexpr (trait::is_variant<T>::value) {
        return std::visit([](const auto& chosen) { return alternative_words<T, Builder>(chosen); }, from);
    } else {
        std::size_t out = struct_words<built_by<Builder>>;
        std::apply(
            [&](const auto&... entry) {
                ((out += member_words<Builder, std::remove_cvref_t<decltype(entry)>>(from.*entry.pointer)), ...);
            },
            described<T>::fields);
        return out;
    }
}

// --- fields ----------------------------------------------------------------------------------------------------------

template <typename Builder, typename T>
void write_record(Builder to, const T& from);

capnp::Data::Reader data_of(bytes_view data) noexcept { return {data.data(), data.size()}; }

/// The bytes lie in the message in their order, in two or four words.
template <typename Group>
void write_words(Group to, bytes_view from) {
    to.setWord0(load_little_endian(from.subspan(0, 8)));
    to.setWord1(load_little_endian(from.subspan(8, 8)));
    if constexpr (requires { to.setWord2(0); }) {
        to.setWord2(load_little_endian(from.subspan(16, 8)));
        to.setWord3(load_little_endian(from.subspan(24, 8)));
    }
}

template <typename Schema, typename Builder>
void write_octets(Builder& to, bytes_view from) {
    if (from.empty()) return;
    using target = decltype(Schema::init(to, 0U));
    if constexpr (std::same_as<target, capnp::Text::Builder>) {
        Schema::set(to, capnp::Text::Reader(reinterpret_cast<const char*>(from.data()), from.size()));
    } else {
        Schema::set(to, data_of(from));
    }
}

template <typename Choice, typename Builder, typename T>
void write_alternative(Builder& to, const T& chosen) {
    using schema = schema_of_alternative<Choice, T>;
    if constexpr (has_fields<T>) {
        write_record(schema::init(to), chosen);
    } else {
        schema::choose(to);
    }
}

template <typename Builder, typename T>
void write_choice(Builder to, const T& from) {
    std::visit([&to](const auto& chosen) { write_alternative<T>(to, chosen); }, from);
}

template <typename Schema, typename Builder, typename T>
void write_member(Builder& to, const T& value) {
    if constexpr (requires { Schema::write(to, value); }) {
        Schema::write(to, value);
    } else if constexpr (std::same_as<T, std::optional<signed_record>>) {
        if (!value) return;
        to.setAsker(data_of(value->body));
        to.setAskerSignature(data_of(value->sig.view()));
    } else if constexpr (trait::plain_number<T>) {
        Schema::set(to, static_cast<trait::number_type<T>>(value));
    } else if constexpr (std::same_as<T, std::chrono::milliseconds>) {
        Schema::set(to, static_cast<std::uint32_t>(value.count()));
    } else if constexpr (std::same_as<T, wall_time>) {
        Schema::set(to, value.time_since_epoch().count());
    } else if constexpr (inline_bytes<T>) {
        write_words(Schema::group(to), value.view());
    } else if constexpr (trait::sized_bytes<T>) {
        if (value != T()) Schema::set(to, data_of(value.view()));
    } else if constexpr (std::same_as<T, std::string>) {
        write_octets<Schema>(to, as_bytes(value));
    } else if constexpr (std::same_as<T, bytes>) {
        write_octets<Schema>(to, value);
    } else if constexpr (std::same_as<T, address>) {
        if (!value.empty()) write_address(Schema::init(to, static_cast<unsigned>(packed_size(value))).begin(), value);
    } else if constexpr (std::same_as<T, std::vector<address>>) {
        if (value.empty()) return;
        auto* place = Schema::init(to, static_cast<unsigned>(packed_size(value))).begin();
        for (const auto& one : value) place = write_address(place, one);
    } else if constexpr (fixed_list<T>) {
        if (value.empty()) return;
        auto* place = Schema::init(to, static_cast<unsigned>(value.size() * T::value_type::size)).begin();
        for (const auto& one : value) place = std::ranges::copy(one.data(), place).out;
    } else if constexpr (trait::is_list<T>::value) {
        if (value.empty()) return;
        auto list = Schema::init(to, static_cast<unsigned>(value.size()));
        for (unsigned i = 0; i < list.size(); ++i) write_record(list[i], value[i]);
    } else if constexpr (trait::is_variant<T>::value) {
        write_choice(Schema::group(to), value);
    } else {
        write_record(Schema::init(to), value);
    }
}

template <typename Builder, typename T>
void write_record(Builder to, const T& from) {
    std::apply(
        [&](const auto&... entry) {
            (write_member<typename std::remove_cvref_t<decltype(entry)>::schema>(to, from.*entry.pointer), ...);
        },
        described<T>::fields);
}

/// Builds into zeroed words and returns how many were used. The bound above makes them enough: kj fails otherwise.
std::size_t build(const envelope& what, kj::ArrayPtr<capnp::word> words) {
    capnp::FlatMessageBuilder message(words);
    auto root = message.initRoot<schema::Envelope>();
    root.setId(what.id);
    root.setVersion(message_version);
    root.setRole(static_cast<schema::Role>(role_of(what.body)));
    write_choice(root.getBody(), what.body);
    const auto segments = message.getSegmentsForOutput();
    assert(segments.size() == 1);
    return segments[0].size();
}

}  // namespace

void capnp_encode(const envelope& what, bytes& out) {
    const auto words = struct_words<schema::Envelope> + words_bound<schema::Envelope::Body::Builder>(what.body);
    const auto table_at = out.size();
    const auto segment_at = table_at + capnp_table_bytes(1);
    out.resize(segment_at + words * capnp_word_bytes);

    auto* segment = out.data() + segment_at;
    std::size_t used = 0;
    if (reinterpret_cast<std::uintptr_t>(segment) % capnp_word_bytes == 0) {
        used = build(what, {reinterpret_cast<capnp::word*>(segment), words});
    } else {
        std::vector<std::uint64_t> aligned(words);
        used = build(what, {reinterpret_cast<capnp::word*>(aligned.data()), words});
        std::memcpy(segment, aligned.data(), used * capnp_word_bytes);
    }
    store_little_endian(out.data() + table_at + capnp_count_bytes, 4, used);
    out.resize(segment_at + used * capnp_word_bytes);
}

}  // namespace mydht::wire
