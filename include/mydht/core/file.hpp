#pragma once

#include <cstddef>
#include <filesystem>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>

namespace mydht {

/// What a write does about a file that is there already.
enum class if_exists { fail, replace };

/// Who may read a file that we write.
enum class file_mode : unsigned {
    owner_only = 0600,
    readable = 0644,  ///< narrowed by nothing: the umask is not applied
};

/// Makes `path` hold exactly `data`, or leaves it as it is: the data goes to a temporary file in the same folder, is
/// synced, takes the name in one step, and the folder is synced. A crash can leave the temporary file ('.mydht-' and
/// six characters), never a partial `path`. With if_exists::fail a file that appears meanwhile is not overwritten
/// either. A symbolic link at `path` is replaced, not followed. Blocks on the disk.
/// Errors: errc::file_exists; errc::file_unwritable, after which `path` holds the old content, or (only when syncing
/// the folder failed) the new.
[[nodiscard]] result<void> write_file_atomically(const std::filesystem::path& path, bytes_view data, file_mode mode,
                                                 if_exists existing);

/// The whole content of a regular file of at most `size_max` bytes. Blocks on the disk, never on a pipe or device.
/// Errors: errc::file_unreadable; errc::too_large, found before the memory for it is reserved.
[[nodiscard]] result<bytes> read_file(const std::filesystem::path& path, std::size_t size_max);

/// A file's content together with the permission bits that it had while it was open.
struct file_contents {
    bytes data;
    unsigned mode = 0;
};

/// As read_file.
[[nodiscard]] result<file_contents> read_file_and_mode(const std::filesystem::path& path, std::size_t size_max);

}  // namespace mydht
