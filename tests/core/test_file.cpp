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

/// Fails each call of one write in turn. `before` is the old content, or nothing.
void sweep(bool replace, bool crash, int error) {
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
    CHECK(refused >= 7);
}

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
    for (const int error : {EIO, ENOSPC}) {
        sweep(false, false, error);
        sweep(true, false, error);
    }
}

TEST_CASE("a write that a crash ends after n calls leaves the old file or the new", "[file]") {
    sweep(false, true, EIO);
    sweep(true, true, EIO);
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
