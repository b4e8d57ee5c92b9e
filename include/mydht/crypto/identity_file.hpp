#pragma once

#include <filesystem>

#include <mydht/core/file.hpp>
#include <mydht/core/result.hpp>
#include <mydht/crypto/identity.hpp>

namespace mydht {

// The file is 147 bytes of text in three lines, each ended by one '\n':
//   mydht identity 1
//   the 32-byte seed as 64 lower-case hexadecimal digits
//   the `hasher` digest "mydht.idfile" (first line without its end, seed) in the same form

/// Writes the identity with mode 0600 through write_file_atomically: whatever fails, `path` holds the old content or
/// the new. Errors: errc::file_exists, errc::file_unwritable.
[[nodiscard]] result<void> save_identity(const identity& self, const std::filesystem::path& path,
                                         if_exists existing = if_exists::fail);

/// Reads it back. Errors: errc::file_unreadable; errc::identity_exposed when the file's mode lets the group or others
/// do anything; errc::identity_damaged for every other content than save_identity writes.
[[nodiscard]] result<identity> load_identity(const std::filesystem::path& path);

}  // namespace mydht
