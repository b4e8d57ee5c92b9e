#include <mydht/routing/kbucket_table.hpp>
#include <mydht/routing/table_file.hpp>

#include <cstdlib>

#include <mydht/core/file.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/crypto/hash.hpp>
#include <mydht/crypto/ids.hpp>

#include "support/catch.hpp"
#include "support/contacts.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace std::chrono_literals;

namespace {

contact make_contact(std::uint32_t number, std::size_t address_count) {
    public_key peer;
    for (std::size_t i = 0; i < 4; ++i) peer.data()[i] = static_cast<std::uint8_t>(number >> (8 * i));
    std::vector<address> addresses;
    for (std::size_t i = 0; i < address_count; ++i) {
        addresses.push_back(test::public_address(number * 8 + static_cast<std::uint32_t>(i)));
    }
    return contact_of(peer, number | 1U, std::move(addresses));
}

saved_table make_table(std::uint32_t contacts) {
    saved_table out;
    out.own.set_bit(7, true);
    for (std::uint32_t i = 0; i < contacts; ++i) {
        out.contacts.push_back({make_contact(i, i % (limits::addresses_per_contact + 1)), wall_time(1000s + i * 1ms)});
    }
    return out;
}

/// With a checksum that fits what the test did to the bytes.
bytes sealed(bytes body) {
    const auto checksum = hash_id("mydht.table", {body});
    body.insert(body.end(), checksum.data().begin(), checksum.data().end());
    return body;
}

bytes unsealed(bytes file) {
    file.resize(file.size() - id256::size);
    return file;
}

void check_damaged(bytes_view data) {
    const auto decoded = decode_table(data);
    REQUIRE_FALSE(decoded.has_value());
    CHECK(decoded.error() == errc::table_file_damaged);
}

/// A folder of its own, removed at the end.
class scratch_folder {
public:
    scratch_folder() {
        std::string name = (std::filesystem::temp_directory_path() / "mydht-test-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    scratch_folder(const scratch_folder&) = delete;
    scratch_folder& operator=(const scratch_folder&) = delete;
    ~scratch_folder() { std::filesystem::remove_all(path_); }

    std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

}  // namespace

TEST_CASE("a saved table reads back", "[table_file]") {
    for (const std::uint32_t contacts : {0U, 1U, 50U}) {
        const auto table = make_table(contacts);
        const auto decoded = decode_table(encode_table(table));
        REQUIRE(decoded.has_value());
        CHECK(*decoded == table);
    }
}

TEST_CASE("addresses of kinds that this build does not know are kept", "[table_file]") {
    auto table = make_table(1);
    table.contacts[0].who.addresses = {address::from_bytes(address_kind{99}, bytes{1, 2, 3}).value()};
    CHECK(decode_table(encode_table(table)).value() == table);
}

TEST_CASE("a table cut off anywhere is damaged", "[table_file]") {
    const auto file = encode_table(make_table(3));
    const auto body = unsealed(file);
    for (std::size_t size = 0; size < file.size(); ++size) {
        CAPTURE(size);
        check_damaged(bytes_view(file).first(size));
        if (size < body.size()) check_damaged(sealed(to_bytes(bytes_view(body).first(size))));
    }
}

TEST_CASE("a table with any bit changed is damaged", "[table_file]") {
    auto file = encode_table(make_table(2));
    for (std::size_t i = 0; i < file.size(); ++i) {
        CAPTURE(i);
        file[i] ^= 0x10U;
        check_damaged(file);
        file[i] ^= 0x10U;
    }
}

TEST_CASE("bytes behind the end are damage", "[table_file]") {
    auto body = unsealed(encode_table(make_table(2)));
    body.push_back(0);
    check_damaged(sealed(body));
}

TEST_CASE("wrong forms behind a right checksum are damage", "[table_file]") {
    const auto good = unsealed(encode_table(make_table(2)));
    REQUIRE(decode_table(sealed(good)).has_value());
    constexpr std::size_t version_at = 8;
    constexpr std::size_t count_at = version_at + 2 + 32;
    constexpr std::size_t first_at = count_at + 4;
    constexpr std::size_t addresses_at = first_at + 32 + 4 + 8;
    const auto changed = [&good](std::size_t at, std::uint8_t value) {
        auto body = good;
        REQUIRE(body[at] != value);
        body[at] = value;
        return sealed(body);
    };
    check_damaged(changed(0, 'M'));                       // magic
    check_damaged(changed(version_at, 2));                // version
    check_damaged(changed(count_at, 1));                  // too few contacts for the bytes
    check_damaged(changed(count_at, 3));                  // too many
    check_damaged(changed(count_at + 3, 0xff));           // far too many
    check_damaged(changed(first_at + 32 + 4 + 7, 0x80));  // a time before 1970
    check_damaged(changed(addresses_at, 9));              // addresses over the limit
    constexpr std::size_t second_address_at = addresses_at + 1 + 32 + 4 + 8 + 1;
    check_damaged(changed(second_address_at, 3));       // six bytes do not fit an onion
    check_damaged(changed(second_address_at + 1, 5));   // nor five an IPv4 address
    check_damaged(changed(second_address_at + 1, 63));  // longer than any address
}

TEST_CASE("the number of contacts is limited", "[table_file]") {
    auto table = make_table(saved_table::contacts_max);
    CHECK(decode_table(encode_table(table)).value().contacts.size() == saved_table::contacts_max);

    // One more, appended by hand: a key, capabilities, a time, and no address.
    auto body = unsealed(encode_table(table));
    body.insert(body.end(), 32 + 4 + 8 + 1, 0);
    constexpr std::size_t count_at = 8 + 2 + 32;
    const auto count = saved_table::contacts_max + 1;
    for (std::size_t i = 0; i < 4; ++i) body[count_at + i] = static_cast<std::uint8_t>(count >> (8 * i));
    check_damaged(sealed(body));
}

TEST_CASE("a snapshot has the good contacts, most recently seen first", "[table_file]") {
    kbucket_config config;
    config.failures_max = 1;
    any_routing_table table(kbucket_table<node_id, contact>(node_id(), config));
    const steady_time start{1h};
    std::vector<contact> in;
    for (std::uint32_t i = 0; i < 4; ++i) {
        in.push_back(make_contact(i, 1));
        table.insert_verified(in.back(), in.back().addresses[0], start + i * 1s);
    }
    REQUIRE(table.size() == 4);
    table.request_failed(in[1].id);
    const wall_time wall{5000s};
    const auto saved = snapshot(node_id(), table, start + 10s, wall);
    CHECK(saved.own == node_id());
    REQUIRE(saved.contacts.size() == 3);
    CHECK(saved.contacts[0] == saved_contact{in[3], wall - 7s});
    CHECK(saved.contacts[1] == saved_contact{in[2], wall - 8s});
    CHECK(saved.contacts[2] == saved_contact{in[0], wall - 10s});
    // A wall clock that starts at 1970 gives no times before it.
    CHECK(snapshot(node_id(), table, start + 10s, wall_time(1s)).contacts[2].last_seen == wall_time());
}

TEST_CASE("tables are saved to and loaded from files", "[table_file]") {
    const scratch_folder folder;
    const auto path = folder / "table";
    CHECK(load_table(path).error() == errc::file_unreadable);
    REQUIRE(save_table(path, make_table(3)).has_value());
    CHECK(load_table(path).value() == make_table(3));
    REQUIRE(save_table(path, make_table(5)).has_value());
    CHECK(load_table(path).value() == make_table(5));

    const bytes garbage(100, 'x');
    REQUIRE(write_file_atomically(path, garbage, file_mode::owner_only, if_exists::replace).has_value());
    CHECK(load_table(path).error() == errc::table_file_foreign);
    CHECK(save_table(path, make_table(1)).error() == errc::table_file_foreign);
    CHECK(read_file(path, 1000).value() == garbage);
    const bytes huge(4 << 20);
    REQUIRE(write_file_atomically(path, huge, file_mode::owner_only, if_exists::replace).has_value());
    CHECK(load_table(path).error() == errc::table_file_foreign);
    CHECK(save_table(path, make_table(1)).error() == errc::table_file_foreign);

    // A table that was damaged is replaced, also one of which only a part of the first word is left.
    for (const std::string_view left : {"", "mydh", "mydhttbl", "mydhttbl and rubbish"}) {
        REQUIRE(write_file_atomically(path, as_bytes(left), file_mode::owner_only, if_exists::replace).has_value());
        CHECK(load_table(path).error() == errc::table_file_damaged);
        REQUIRE(save_table(path, make_table(2)).has_value());
        CHECK(load_table(path).value() == make_table(2));
    }
    std::filesystem::create_symlink(path, folder / "link");
    CHECK(save_table(folder / "link", make_table(1)).error() == errc::file_unwritable);
    CHECK(save_table("/dev/null", make_table(1)).error() == errc::file_unwritable);
    CHECK(save_table(folder / "missing/table", make_table(1)).error() == errc::file_unwritable);
}

TEST_CASE("any table reads back", "[table_file][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 100; ++round) {
        saved_table table;
        table.own = test::random_id(random);
        for (auto left = random.below(30); left > 0; --left) {
            const auto addresses = static_cast<std::size_t>(random.below(limits::addresses_per_contact + 1));
            const auto number = static_cast<std::uint32_t>(random.below(1U << 20U));
            const wall_time seen{std::chrono::milliseconds(random.below(1ULL << 42U))};
            table.contacts.push_back({make_contact(number, addresses), seen});
        }
        REQUIRE(decode_table(encode_table(table)).value() == table);
    }
}
