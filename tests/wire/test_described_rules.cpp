// What may be described, and what comes of descriptions that grow.
#include <mydht/wire/codec.hpp>
#include <mydht/wire/described.hpp>

#include "support/catch.hpp"

namespace mydht::test {

namespace {

struct some {
    std::uint32_t first = 0;
    std::string second;
    std::uint64_t third = 0;
};
// Descriptions with a mistake, of which no shape is ever made.
struct with_gap : some {};
struct with_number_twice : some {};
struct from_zero : some {};
struct beyond_the_last : some {};
struct with_name_twice : some {};
struct with_retired_name : some {};
struct without_name : some {};
struct with_quote : some {};
struct with_alternative : some {};
// And without one.
struct with_retired : some {};
struct with_retired_up_to_the_last : some {};

struct other {
    std::string text;
    friend bool operator==(const other&, const other&) = default;
};
using missing_one = std::variant<some, other>;
using with_stranger = std::variant<some, std::string>;
using with_one_twice = std::variant<some, bytes>;
using of_equal_types = std::variant<std::uint32_t, std::uint32_t>;
using of_list = std::variant<some, std::vector<other>>;
using in_other_order = std::variant<std::uint32_t, other>;

enum class rank : std::uint8_t { none, captain, major };
enum class mood { none, glad, sad };

template <typename T>
struct holding {
    T value{};
    friend bool operator==(const holding&, const holding&) = default;
};

/// A struct, what it grew to, and what that grew to.
struct ship {
    std::uint64_t length = 0;
    std::string name;
    std::uint64_t masts = 0;
    std::string port;
    std::vector<std::string> crew;
};
struct later_ship {
    std::uint64_t length = 0;
    std::uint64_t masts = 0;
    std::vector<std::string> crew;
    std::uint64_t engines = 0;
    std::string owner;
};
struct last_ship {
    std::string owner;
    bool sunk = false;
};

}  // namespace

}  // namespace mydht::test

namespace mydht::wire {

using namespace mydht::test;

template <>
struct described<with_gap> {
    static constexpr auto fields = std::tuple(member<&some::first>(1, "first"), member<&some::third>(3, "third"));
};
template <>
struct described<with_number_twice> {
    static constexpr auto fields = std::tuple(member<&some::first>(1, "first"), member<&some::third>(1, "third"));
};
template <>
struct described<from_zero> {
    static constexpr auto fields = std::tuple(member<&some::first>(0, "first"), member<&some::third>(1, "third"));
};
template <>
struct described<beyond_the_last> {
    static constexpr auto fields = std::tuple(member<&some::first>(1, "first"), retired<bool>(2, field_number_max + 1));
};
template <>
struct described<with_name_twice> {
    static constexpr auto fields = std::tuple(member<&some::first>(1, "first"), member<&some::third>(2, "first"));
};
template <>
struct described<with_retired_name> {
    static constexpr auto fields = std::tuple(retired<bool>(1, "first"), member<&some::first>(2, "first"));
};
template <>
struct described<without_name> {
    static constexpr auto fields = std::tuple(member<&some::first>(1, ""));
};
template <>
struct described<with_quote> {
    static constexpr auto fields = std::tuple(member<&some::first>(1, "the\"first"));
};
template <>
struct described<with_alternative> {
    static constexpr auto fields = std::tuple(alternative<std::uint32_t>(1, "first"));
};
template <>
struct described<with_retired> {
    static constexpr auto fields =
        std::tuple(retired<std::string>(1), member<&some::first>(2, "first"), retired<bool>(3, "third"),
                   retired<std::uint32_t>(4, 6), member<&some::second>(7, "second"));
};
template <>
struct described<with_retired_up_to_the_last> {
    static constexpr auto fields = std::tuple(member<&some::first>(1, "first"), retired<bool>(2, field_number_max));
};

template <>
struct described<other> {
    static constexpr std::string_view name = "other";
    static constexpr auto fields = std::tuple(member<&other::text>(1, "text"));
};
template <>
struct described<missing_one> {
    static constexpr auto fields = std::tuple(alternative<some>(1, "some"));
};
template <>
struct described<with_stranger> {
    static constexpr auto fields = std::tuple(alternative<some>(1, "some"), alternative<other>(2, "other"));
};
template <>
struct described<with_one_twice> {
    static constexpr auto fields = std::tuple(alternative<some>(1, "some"), alternative<some>(2, "other"));
};
template <>
struct described<of_equal_types> {
    static constexpr auto fields =
        std::tuple(alternative<std::uint32_t>(1, "lifetime"), alternative<std::uint32_t>(2, "size"));
};
template <>
struct described<of_list> {
    static constexpr auto fields =
        std::tuple(alternative<some>(1, "some"), alternative<std::vector<other>>(2, "others"));
};
template <>
struct described<in_other_order> {
    static constexpr std::string_view name = "in_other_order";
    static constexpr auto fields = std::tuple(alternative<other>(2, "other"), alternative<std::uint32_t>(9, "number"));
};

template <>
struct last_known<rank> {
    static constexpr auto value = rank::major;
};
template <>
struct last_known<mood> {
    static constexpr auto value = mood::sad;
};

template <typename T>
struct described<holding<T>> {
    static constexpr std::string_view name = "holding";
    static constexpr auto fields = std::tuple(member<&holding<T>::value>(1, "value"));
};

template <>
struct described<ship> {
    static constexpr std::string_view name = "ship";
    static constexpr auto fields =
        std::tuple(member<&ship::length>(1, "length"), member<&ship::name>(2, "name"), member<&ship::masts>(3, "masts"),
                   member<&ship::port>(4, "port"), member<&ship::crew>(5, "crew"));
};
template <>
struct described<later_ship> {
    static constexpr std::string_view name = "ship";
    static constexpr auto fields = std::tuple(
        member<&later_ship::length>(1, "length"), retired<std::string>(2, "name"),
        member<&later_ship::masts>(3, "masts"), retired<std::string>(4, "port"), member<&later_ship::crew>(5, "crew"),
        member<&later_ship::engines>(6, "engines"), member<&later_ship::owner>(7, "owner"));
};
template <>
struct described<last_ship> {
    static constexpr std::string_view name = "ship";
    static constexpr auto fields =
        std::tuple(retired<std::uint64_t>(1, "length"), retired<std::string>(2, "name"),
                   retired<std::uint64_t>(3, "masts"), retired<std::string>(4, 5), retired<std::uint64_t>(6, "engines"),
                   member<&last_ship::owner>(7, "owner"), member<&last_ship::sunk>(8, "sunk"));
};

}  // namespace mydht::wire

namespace mydht::test {

using namespace wire;

namespace {

template <typename T>
bytes encoded(const any_codec& codec, const T& what) {
    bytes out;
    REQUIRE(codec.encode_value(what, out).has_value());
    return out;
}

/// What a reader that knows To makes of it.
template <typename To, typename From>
To read_as(const any_codec& codec, const From& what) {
    const auto got = codec.decode_value<To>(encoded(codec, what));
    REQUIRE(got.has_value());
    return *got;
}

}  // namespace

// Each is what a static_assert demands.
TEST_CASE("a description that would go wrong does not compile", "[codec]") {
    using namespace wire::detail;
    STATIC_REQUIRE_FALSE(has_good_numbers<with_gap>);
    STATIC_REQUIRE_FALSE(has_good_numbers<with_number_twice>);
    STATIC_REQUIRE_FALSE(has_good_numbers<from_zero>);
    STATIC_REQUIRE_FALSE(has_good_numbers<beyond_the_last>);
    STATIC_REQUIRE(has_good_numbers<with_retired>);
    STATIC_REQUIRE(has_good_numbers<with_retired_up_to_the_last>);
    STATIC_REQUIRE_FALSE(has_good_names<with_name_twice>);
    STATIC_REQUIRE_FALSE(has_good_names<with_retired_name>);
    STATIC_REQUIRE_FALSE(has_good_names<without_name>);
    STATIC_REQUIRE_FALSE(has_good_names<with_quote>);
    STATIC_REQUIRE(has_good_names<with_retired>);
    STATIC_REQUIRE_FALSE(has_members_alone<with_alternative>);
    STATIC_REQUIRE(has_members_alone<with_retired>);

    STATIC_REQUIRE_FALSE(has_each_alternative<missing_one>);
    STATIC_REQUIRE_FALSE(has_each_alternative<with_stranger>);
    STATIC_REQUIRE_FALSE(has_each_alternative<with_one_twice>);
    STATIC_REQUIRE_FALSE(has_each_alternative<of_equal_types>);
    STATIC_REQUIRE(has_each_alternative<of_list>);
    STATIC_REQUIRE(has_good_numbers<of_list>);
    STATIC_REQUIRE_FALSE(has_single_alternatives<of_list>);
    STATIC_REQUIRE(has_each_alternative<in_other_order>);
    STATIC_REQUIRE(has_good_numbers<in_other_order>);

    STATIC_REQUIRE_FALSE(is_single<std::vector<std::string>>);
    STATIC_REQUIRE_FALSE(is_single<std::optional<std::uint64_t>>);
    STATIC_REQUIRE_FALSE(is_single<const some*>);
    STATIC_REQUIRE(is_single<bytes>);
    STATIC_REQUIRE(is_single<in_other_order>);
}

TEST_CASE("the names of fields are written as they are", "[codec]") {
    CHECK(detail::is_good_name("a-b_c.d@1"));
    for (const auto* wrong : {"", "a b", "a\"b", "a\\b", "a\nb", "\xc3\xa4", "\x7f"}) {
        CHECK_FALSE(detail::is_good_name(wrong));
    }
}

TEST_CASE("alternatives may be described in another order than the variant's", "[codec]") {
    for (const auto& codec : all_codecs()) {
        CAPTURE(codec.name());
        for (const in_other_order& value : {in_other_order(std::uint32_t{7}), in_other_order(other{"text"})}) {
            CHECK(read_as<holding<in_other_order>>(codec, holding<in_other_order>{value}).value == value);
            // A variant need not be in a struct.
            CHECK(read_as<in_other_order>(codec, value) == value);
        }
    }
}

TEST_CASE("structs that grow and shrink are read by older and newer readers", "[codec]") {
    const ship old{30, "Argo", 2, "Iolcus", {"Jason", "Orpheus"}};
    const later_ship later{31, 3, {"Atalanta"}, 1, "Pelias"};
    for (const auto& codec : all_codecs()) {
        CAPTURE(codec.name());
        const auto newer = read_as<later_ship>(codec, old);
        CHECK(newer.length == 30);
        CHECK(newer.masts == 2);
        CHECK(newer.crew == old.crew);
        CHECK(newer.engines == 0);
        CHECK(newer.owner.empty());

        const auto older = read_as<ship>(codec, later);
        CHECK(older.length == 31);
        CHECK(older.name.empty());
        CHECK(older.masts == 3);
        CHECK(older.port.empty());
        CHECK(older.crew == later.crew);

        CHECK(read_as<last_ship>(codec, later).owner == "Pelias");
        CHECK_FALSE(read_as<last_ship>(codec, old).sunk);
        const auto again = read_as<later_ship>(codec, last_ship{"Jason", true});
        CHECK(again.owner == "Jason");
        CHECK(again.length + again.masts + again.engines + again.crew.size() == 0);
    }
}

TEST_CASE("an enum that grows is read as 0 where it is not known, signed or not", "[codec]") {
    for (const auto& codec : all_codecs()) {
        CAPTURE(codec.name());
        CHECK(read_as<holding<rank>>(codec, holding<std::uint8_t>{2}).value == rank::major);
        CHECK(read_as<holding<rank>>(codec, holding<std::uint8_t>{3}).value == rank::none);
        CHECK(read_as<holding<mood>>(codec, holding<std::int64_t>{2}).value == mood::sad);
        CHECK(read_as<holding<mood>>(codec, holding<std::int64_t>{3}).value == mood::none);
        CHECK(read_as<holding<mood>>(codec, holding<std::int64_t>{-1}).value == mood::none);
        CHECK_FALSE(codec.decode_value<holding<rank>>(encoded(codec, holding<std::uint32_t>{256})).has_value());
    }
}

TEST_CASE("a double that no float comes near is refused for one", "[codec]") {
    constexpr auto most = std::numeric_limits<float>::max();
    for (const auto& codec : all_codecs()) {
        CAPTURE(codec.name());
        CHECK(read_as<holding<float>>(codec, holding<double>{most}).value == most);
        CHECK(read_as<holding<float>>(codec, holding<double>{-0.5}).value == -0.5F);
        const auto large = codec.decode_value<holding<float>>(encoded(codec, holding<double>{-1e300}));
        REQUIRE_FALSE(large.has_value());
        CHECK(large.error() == errc::malformed);
    }
}

}  // namespace mydht::test
