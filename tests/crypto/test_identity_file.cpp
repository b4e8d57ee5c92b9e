#include <sys/stat.h>

#include <mydht/crypto/identity_file.hpp>

#include "support/catch.hpp"
#include "support/temp_folder.hpp"

using namespace mydht;
using mydht::test::temp_folder;

namespace {

const auto self = *identity::from_seed(bytes(32, 0xab));

void put(const std::filesystem::path& path, bytes_view content) {
    REQUIRE(write_file_atomically(path, content, file_mode::owner_only, if_exists::replace));
}

bytes saved_content(const temp_folder& folder) {
    REQUIRE(save_identity(self, folder / "id"));
    return *read_file(folder / "id", 1000);
}

}  // namespace

TEST_CASE("a saved identity loads again", "[identity_file]") {
    temp_folder folder;
    REQUIRE(save_identity(self, folder / "id"));
    const auto loaded = load_identity(folder / "id");
    REQUIRE(loaded);
    CHECK(loaded->key() == self.key());
    CHECK(to_bytes(loaded->seed()) == to_bytes(self.seed()));
    struct stat about {};
    REQUIRE(::stat((folder / "id").c_str(), &about) == 0);
    CHECK((about.st_mode & 07777U) == 0600);
    CHECK(folder.entries() == 1);
}

TEST_CASE("the identity file has the documented form", "[identity_file]") {
    temp_folder folder;
    const auto content = saved_content(folder);
    CHECK(content.size() == 147);
    // The checksum was computed with Python's hashlib.
    CHECK(as_text(content) == "mydht identity 1\n" + to_hex(bytes(32, 0xab)) +
                                  "\ne4a4422a934fe1397259c95e049f4704c826aa92743d0ef1742ad5efe44b0e72\n");
}

TEST_CASE("an identity is overwritten only when asked", "[identity_file]") {
    temp_folder folder;
    const auto other = *identity::from_seed(bytes(32, 0xcd));
    REQUIRE(save_identity(self, folder / "id"));
    const auto again = save_identity(other, folder / "id");
    REQUIRE_FALSE(again);
    CHECK(again.error() == errc::file_exists);
    CHECK(load_identity(folder / "id")->key() == self.key());

    REQUIRE(save_identity(other, folder / "id", if_exists::replace));
    CHECK(load_identity(folder / "id")->key() == other.key());
    CHECK(folder.entries() == 1);
}

TEST_CASE("an identity file with a bit changed anywhere is damaged", "[identity_file]") {
    temp_folder folder;
    const auto content = saved_content(folder);
    for (std::size_t at = 0; at < content.size(); ++at) {
        // 0x20 turns the case of a letter: the same number, but not what was written.
        for (const unsigned flip : {0x01U, 0x20U, 0x80U}) {
            auto changed = content;
            changed[at] ^= static_cast<std::uint8_t>(flip);
            put(folder / "id", changed);
            const auto loaded = load_identity(folder / "id");
            CAPTURE(at, flip);
            REQUIRE_FALSE(loaded);
            CHECK(loaded.error() == errc::identity_damaged);
        }
    }
}

TEST_CASE("an identity file that is too short or too long is damaged", "[identity_file]") {
    temp_folder folder;
    const auto content = saved_content(folder);
    for (std::size_t size = 0; size < content.size(); ++size) {
        put(folder / "id", bytes_view(content).first(size));
        CAPTURE(size);
        CHECK(load_identity(folder / "id").error() == errc::identity_damaged);
    }
    for (const std::size_t extra : std::initializer_list<std::size_t>{1, 1000, 1000000}) {
        auto longer = content;
        longer.resize(content.size() + extra, '\n');
        put(folder / "id", longer);
        CAPTURE(extra);
        CHECK(load_identity(folder / "id").error() == errc::identity_damaged);
    }
}

TEST_CASE("an identity file that others can touch is exposed", "[identity_file]") {
    temp_folder folder;
    REQUIRE(save_identity(self, folder / "id"));
    for (mode_t mode = 0; mode < 01000; ++mode) {
        REQUIRE(::chmod((folder / "id").c_str(), mode) == 0);
        const auto loaded = load_identity(folder / "id");
        CAPTURE(mode);
        if ((mode & 077U) != 0) {
            REQUIRE_FALSE(loaded);
            // Who may not read it at all is told that; who may (or is root) is told what is wrong.
            const bool hidden = loaded.error() == errc::file_unreadable && (mode & 0400U) == 0;
            CHECK((hidden || loaded.error() == errc::identity_exposed));
        } else if ((mode & 0400U) != 0) {
            CHECK(loaded.has_value());
        }
    }
}

TEST_CASE("a place without an identity file is unreadable", "[identity_file]") {
    temp_folder folder;
    CHECK(load_identity(folder / "missing").error() == errc::file_unreadable);
    CHECK(load_identity(folder.path()).error() == errc::file_unreadable);
    CHECK(save_identity(self, folder / "missing/id").error() == errc::file_unwritable);
}
