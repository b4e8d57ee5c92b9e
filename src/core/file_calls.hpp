#pragma once

#include <filesystem>

#include <sys/types.h>

#include <mydht/core/file.hpp>

namespace mydht::detail {

/// The system calls behind write_file_atomically, so that tests can make each of them fail. Return values and errno are
/// those of the calls of POSIX.
class file_calls {
public:
    file_calls() = default;
    file_calls(const file_calls&) = delete;
    file_calls& operator=(const file_calls&) = delete;
    virtual ~file_calls() = default;

    /// mkostemp: opens a new file with mode 0600 and writes its name over the trailing XXXXXX.
    virtual int make_temporary(char* name);
    virtual ssize_t write(int file, const void* data, std::size_t size);
    virtual int change_mode(int file, mode_t mode);
    virtual int sync(int file);
    virtual int close(int file);
    virtual int link(const char* from, const char* to);
    virtual int rename(const char* from, const char* to);
    virtual int remove(const char* name);
    virtual int open_folder(const char* name);
};

[[nodiscard]] result<void> write_file_atomically(file_calls& calls, const std::filesystem::path& path, bytes_view data,
                                                 file_mode mode, if_exists existing);

}  // namespace mydht::detail
