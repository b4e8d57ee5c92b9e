#include <mydht/core/file.hpp>

#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_calls.hpp"

namespace mydht {

namespace detail {

int file_calls::make_temporary(char* name) { return ::mkostemp(name, O_CLOEXEC); }
ssize_t file_calls::write(int file, const void* data, std::size_t size) { return ::write(file, data, size); }
int file_calls::change_mode(int file, mode_t mode) { return ::fchmod(file, mode); }
int file_calls::sync(int file) { return ::fsync(file); }
int file_calls::close(int file) { return ::close(file); }
int file_calls::link(const char* from, const char* to) { return ::link(from, to); }
int file_calls::rename(const char* from, const char* to) { return ::rename(from, to); }
int file_calls::remove(const char* name) { return ::unlink(name); }
int file_calls::open_folder(const char* name) { return ::open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

namespace {

/// Closes on every way out; close() tells whether it went well.
class open_file {
public:
    open_file(file_calls& calls, int number) noexcept : calls_(calls), number_(number) {}
    open_file(const open_file&) = delete;
    open_file& operator=(const open_file&) = delete;
    ~open_file() { static_cast<void>(close()); }

    [[nodiscard]] int number() const noexcept { return number_; }

    [[nodiscard]] bool close() noexcept {
        if (number_ < 0) return true;
        // Also after an error the number may be in use again, so it is closed once (Linux close(2)).
        const int done = calls_.close(std::exchange(number_, -1));
        return done == 0 || errno == EINTR;
    }

private:
    file_calls& calls_;
    int number_;
};

/// A file under a temporary name, which goes away unless it was given its final one by rename.
class temporary_file {
public:
    temporary_file(file_calls& calls, std::string name)
        : calls_(calls), name_(std::move(name)), file_(calls, calls.make_temporary(name_.data())) {
        present_ = file_.number() >= 0;
    }
    temporary_file(const temporary_file&) = delete;
    temporary_file& operator=(const temporary_file&) = delete;
    ~temporary_file() {
        static_cast<void>(file_.close());
        if (present_) static_cast<void>(calls_.remove(name_.c_str()));
    }

    /// The content is on the disk when this is true.
    [[nodiscard]] bool fill(bytes_view data, file_mode mode) {
        return present_ && write_all(data) && calls_.change_mode(file_.number(), static_cast<mode_t>(mode)) == 0 &&
               calls_.sync(file_.number()) == 0 && file_.close();
    }

    [[nodiscard]] result<void> publish(const char* to, if_exists existing) {
        if (existing == if_exists::fail) {
            // A link, unlike a rename, never takes the place of a file.
            if (calls_.link(name_.c_str(), to) == 0) return {};
            return failure(errno == EEXIST ? errc::file_exists : errc::file_unwritable);
        }
        if (calls_.rename(name_.c_str(), to) != 0) return failure(errc::file_unwritable);
        present_ = false;
        return {};
    }

private:
    [[nodiscard]] bool write_all(bytes_view data) {
        while (!data.empty()) {
            const auto count = calls_.write(file_.number(), data.data(), data.size());
            if (count > 0) {
                data = data.subspan(static_cast<std::size_t>(count));
            } else if (count == 0 || errno != EINTR) {
                return false;
            }
        }
        return true;
    }

    file_calls& calls_;
    std::string name_;
    open_file file_;
    bool present_ = false;
};

/// Makes the names in the folder durable.
bool sync_folder(file_calls& calls, const std::filesystem::path& name) {
    open_file folder(calls, calls.open_folder(name.c_str()));
    if (folder.number() < 0) return false;
    // Some file systems cannot sync a folder and say so; there is nothing better to do on them.
    return calls.sync(folder.number()) == 0 || errno == EINVAL;
}

}  // namespace

result<void> write_file_atomically(file_calls& calls, const std::filesystem::path& path, bytes_view data,
                                   file_mode mode, if_exists existing) {
    if (!path.has_filename()) return failure(errc::file_unwritable);
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    {
        temporary_file made(calls, (folder / ".mydht-XXXXXX").string());
        if (!made.fill(data, mode)) return failure(errc::file_unwritable);
        if (auto named = made.publish(path.c_str(), existing); !named) return named;
    }
    if (!sync_folder(calls, folder)) return failure(errc::file_unwritable);
    return {};
}

}  // namespace detail

result<void> write_file_atomically(const std::filesystem::path& path, bytes_view data, file_mode mode,
                                   if_exists existing) {
    detail::file_calls calls;
    return detail::write_file_atomically(calls, path, data, mode, existing);
}

result<file_contents> read_file_and_mode(const std::filesystem::path& path, std::size_t size_max) {
    detail::file_calls calls;
    // Without O_NONBLOCK, opening a pipe that nobody writes would wait for ever.
    detail::open_file file(calls, ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat about {};
    if (file.number() < 0 || ::fstat(file.number(), &about) != 0 || !S_ISREG(about.st_mode)) {
        return failure(errc::file_unreadable);
    }
    const auto announced = static_cast<std::size_t>(about.st_size);
    if (announced > size_max) return failure(errc::too_large);

    file_contents out;
    out.mode = about.st_mode & 07777U;
    // One byte more than announced, so that the usual file is read, and its end seen, without moving the content.
    out.data.resize(announced + 1);
    std::size_t used = 0;
    for (;;) {
        if (used == out.data.size()) out.data.resize(2 * used);
        const auto count = ::read(file.number(), out.data.data() + used, out.data.size() - used);
        if (count == 0) break;
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failure(errc::file_unreadable);
        used += static_cast<std::size_t>(count);
        if (used > size_max) return failure(errc::too_large);
    }
    out.data.resize(used);
    return out;
}

result<bytes> read_file(const std::filesystem::path& path, std::size_t size_max) {
    auto file = read_file_and_mode(path, size_max);
    if (!file) return failure(file.error());
    return std::move(file->data);
}

}  // namespace mydht
