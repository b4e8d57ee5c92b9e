#include <cerrno>
#include <functional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mydht/core/file.hpp>

#include "core/file_calls.hpp"
#include "support/catch.hpp"
#include "support/temp_folder.hpp"

using namespace mydht;
using mydht::test::temp_folder;

namespace {

const bytes old_content = to_bytes("old");
const bytes new_content = to_bytes("a new content that is longer");

/// Counts the calls and makes the chosen one fail. `crash` is a machine that stops there: no later call does anything,
/// not even the removal of what was begun.
class failing_calls final : public detail::file_calls {
public:
    failing_calls(std::size_t fail_at, int error, bool crash) : fail_at_(fail_at), error_(error), crash_(crash) {}

    [[nodiscard]] bool failed() const { return count_ > fail_at_; }

    int make_temporary(char* name) override {
        return run([&] { return file_calls::make_temporary(name); });
    }
    ssize_t write(int file, const void* data, std::size_t size) override {
        if (fails()) return -1;
        return file_calls::write(file, data, std::min<std::size_t>(size, 5));
    }
    int change_mode(int file, mode_t mode) override {
        return run([&] { return file_calls::change_mode(file, mode); });
    }
    int sync(int file) override {
        return run([&] { return file_calls::sync(file); });
    }
    int close(int file) override {
        // A failing close has closed all the same.
        const int done = file_calls::close(file);
        return fails() ? -1 : done;
    }
    int link(const char* from, const char* to) override {
        return run([&] { return file_calls::link(from, to); });
    }
    int rename(const char* from, const char* to) override {
        return run([&] { return file_calls::rename(from, to); });
    }
    int remove(const char* name) override {
        return run([&] { return file_calls::remove(name); });
    }
    int open_folder(const char* name) override {
        return run([&] { return file_calls::open_folder(name); });
    }

private:
    bool fails() {
        const bool now = count_ == fail_at_ || (crash_ && count_ > fail_at_);
        ++count_;
        if (now) errno = error_;
        return now;
    }
    int run(const std::function<int()>& call) { return fails() ? -1 : call(); }

    std::size_t fail_at_;
    int error_;
    bool crash_;
    std::size_t count_ = 0;
};

unsigned mode_of(const std::filesystem::path& path) {
    struct stat about {};
    REQUIRE(::stat(path.c_str(), &about) == 0);
    return about.st_mode & 07777U;
}

/// Fails each call of one write in turn, over an old file or over none. Gives how many of those writes were refused.
std::size_t sweep(bool replace, bool crash, int error) {
    std::size_t refused = 0;
    for (std::size_t n = 0;; ++n) {
        CAPTURE(n, replace, crash, error);
        REQUIRE(n < 100);
        temp_folder folder;
        const auto path = folder / "file";
        if (replace) {
            REQUIRE(write_file_atomically(path, old_content, file_mode::readable, if_exists::fail));
        }
        failing_calls calls(n, error, crash);
        const auto done = detail::write_file_atomically(calls, path, new_content, file_mode::owner_only,
                                                        replace ? if_exists::replace : if_exists::fail);
        const auto found = read_file(path, 1000);
        if (done) {
            REQUIRE(found);
            CHECK(*found == new_content);
        } else {
            ++refused;
            CHECK(done.error() == errc::file_unwritable);
            const bool complete = found ? *found == new_content || (replace && *found == old_content) : !replace;
            CHECK(complete);
        }
        const std::size_t names = found ? 1 : 0;
        // One call is the removal of the temporary file itself: when that is the one that fails, the file stays.
        CHECK(folder.entries() <= names + 1);
        if (!done && !crash) CHECK(folder.entries() == names);
        if (!calls.failed()) {
            CHECK(folder.entries() == 1);
            break;
        }
    }
    return refused;
}

/// Writes down the names of the calls.
class recording_calls final : public detail::file_calls {
public:
    std::string log;

    int make_temporary(char* name) override { return note("make", file_calls::make_temporary(name)); }
    ssize_t write(int file, const void* data, std::size_t size) override {
        note("write", 0);
        return file_calls::write(file, data, size);
    }
    int change_mode(int file, mode_t mode) override { return note("mode", file_calls::change_mode(file, mode)); }
    int sync(int file) override { return note("sync", file_calls::sync(file)); }
    int close(int file) override { return note("close", file_calls::close(file)); }
    int link(const char* from, const char* to) override { return note("link", file_calls::link(from, to)); }
    int rename(const char* from, const char* to) override { return note("rename", file_calls::rename(from, to)); }
    int remove(const char* name) override { return note("remove", file_calls::remove(name)); }
    int open_folder(const char* name) override { return note("folder", file_calls::open_folder(name)); }

private:
    int note(const char* what, int outcome) {
        log += (log.empty() ? "" : " ") + std::string(what);
        return outcome;
    }
};

}  // namespace

TEST_CASE("a written file reads back with its mode, whatever the umask", "[file]") {
    temp_folder folder;
    const auto mask = ::umask(077);
    const bool made =
        write_file_atomically(folder / "a", new_content, file_mode::readable, if_exists::fail).has_value();
    ::umask(0);
    const bool kept = write_file_atomically(folder / "b", {}, file_mode::owner_only, if_exists::fail).has_value();
    ::umask(mask);

    REQUIRE(made);
    REQUIRE(kept);
    CHECK(mode_of(folder / "a") == 0644);
    CHECK(mode_of(folder / "b") == 0600);
    const auto a = read_file_and_mode(folder / "a", new_content.size());
    REQUIRE(a);
    CHECK(a->data == new_content);
    CHECK(a->mode == 0644);
    CHECK(read_file(folder / "b", 0)->empty());
    CHECK(folder.entries() == 2);
}

TEST_CASE("a file that exists is replaced only when asked", "[file]") {
    temp_folder folder;
    const auto path = folder / "file";
    REQUIRE(write_file_atomically(path, old_content, file_mode::readable, if_exists::replace));
    const auto again = write_file_atomically(path, new_content, file_mode::readable, if_exists::fail);
    REQUIRE_FALSE(again);
    CHECK(again.error() == errc::file_exists);
    CHECK(*read_file(path, 100) == old_content);
    CHECK(folder.entries() == 1);

    REQUIRE(write_file_atomically(path, new_content, file_mode::owner_only, if_exists::replace));
    CHECK(*read_file(path, 100) == new_content);
    CHECK(mode_of(path) == 0600);
    CHECK(folder.entries() == 1);
}

TEST_CASE("a dangling link counts as a file that exists", "[file]") {
    temp_folder folder;
    std::filesystem::create_symlink(folder / "target", folder / "link");
    const auto done = write_file_atomically(folder / "link", new_content, file_mode::readable, if_exists::fail);
    CHECK(done.error() == errc::file_exists);
    REQUIRE(write_file_atomically(folder / "link", new_content, file_mode::readable, if_exists::replace));
    CHECK_FALSE(std::filesystem::exists(folder / "target"));
    CHECK(*read_file(folder / "link", 100) == new_content);
}

TEST_CASE("a write whose n-th call fails leaves the old file or the new", "[file]") {
    // Making, six short writes, mode, sync, close, link or rename, and opening and syncing the folder. Removing the
    // temporary file and closing the folder may fail.
    for (const int error : {EIO, ENOSPC}) {
        CHECK(sweep(false, false, error) == 13);
        CHECK(sweep(true, false, error) == 13);
    }
}

TEST_CASE("a write that a crash ends after n calls leaves the old file or the new", "[file]") {
    CHECK(sweep(false, true, EIO) == 14);
    CHECK(sweep(true, true, EIO) == 13);
}

TEST_CASE("a file is on the disk before it has its name, and its name before the write is done", "[file]") {
    temp_folder folder;
    recording_calls linking;
    REQUIRE(detail::write_file_atomically(linking, folder / "a", new_content, file_mode::readable, if_exists::fail));
    CHECK(linking.log == "make write mode sync close link remove folder sync close");
    recording_calls renaming;
    REQUIRE(
        detail::write_file_atomically(renaming, folder / "a", old_content, file_mode::readable, if_exists::replace));
    CHECK(renaming.log == "make write mode sync close rename folder sync close");
}

TEST_CASE("a file system that cannot sync folders is good enough", "[file]") {
    temp_folder folder;
    // The folder's sync is the last call but one.
    failing_calls calls(12, EINVAL, false);
    REQUIRE(detail::write_file_atomically(calls, folder / "a", new_content, file_mode::readable, if_exists::replace));
    CHECK(calls.failed());
}

TEST_CASE("an interrupted write goes on", "[file]") {
    class interrupted final : public detail::file_calls {
    public:
        ssize_t write(int file, const void* data, std::size_t size) override {
            if (++count_ % 2 == 1) {
                errno = EINTR;
                return -1;
            }
            return file_calls::write(file, data, std::min<std::size_t>(size, 3));
        }

    private:
        int count_ = 0;
    };
    temp_folder folder;
    interrupted calls;
    REQUIRE(detail::write_file_atomically(calls, folder / "a", new_content, file_mode::readable, if_exists::fail));
    CHECK(*read_file(folder / "a", 100) == new_content);
}

TEST_CASE("a place that cannot be written is an error and stays as it is", "[file]") {
    temp_folder folder;
    const auto write = [](const std::filesystem::path& path, if_exists existing) {
        return write_file_atomically(path, new_content, file_mode::readable, existing);
    };
    CHECK(write(folder / "missing/file", if_exists::fail).error() == errc::file_unwritable);
    CHECK(write("", if_exists::replace).error() == errc::file_unwritable);
    CHECK(write(folder.path().string() + "/", if_exists::replace).error() == errc::file_unwritable);
    CHECK(write(folder / std::string(300, 'x'), if_exists::fail).error() == errc::file_unwritable);
    std::filesystem::create_directory(folder / "folder");
    CHECK(write(folder / "folder", if_exists::replace).error() == errc::file_unwritable);
    CHECK(write(folder / "folder", if_exists::fail).error() == errc::file_exists);
    CHECK(write("/proc/file", if_exists::fail).error() == errc::file_unwritable);
    CHECK(folder.entries() == 1);
}

TEST_CASE("reading stops at the limit", "[file]") {
    temp_folder folder;
    REQUIRE(write_file_atomically(folder / "a", new_content, file_mode::readable, if_exists::fail));
    CHECK(read_file(folder / "a", new_content.size()).has_value());
    CHECK(read_file(folder / "a", new_content.size() - 1).error() == errc::too_large);
    // Far more than there is memory for, none of it on the disk.
    std::filesystem::resize_file(folder / "a", std::uintmax_t{1} << 40U);
    CHECK(read_file(folder / "a", 1000).error() == errc::too_large);
    // Says that it has no bytes, and has some.
    CHECK(read_file("/proc/self/status", 1000000).has_value());
    CHECK(read_file("/proc/self/status", 10).error() == errc::too_large);
}

TEST_CASE("what is no readable file is refused without waiting", "[file]") {
    temp_folder folder;
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    for (const auto& path : {folder / "missing", folder / "pipe", folder.path(), std::filesystem::path("/dev/zero"),
                             std::filesystem::path()}) {
        CAPTURE(path);
        const auto found = read_file(path, 100);
        REQUIRE_FALSE(found);
        CHECK(found.error() == errc::file_unreadable);
    }
}
