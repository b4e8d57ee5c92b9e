#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include <mydht/core/bytes.hpp>
#include <mydht/core/contact.hpp>
#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>
#include <mydht/routing/routing_table.hpp>

namespace mydht {

/// A contact as it was when the table was saved.
struct saved_contact {
    contact who;
    wall_time last_seen;

    friend bool operator==(const saved_contact&, const saved_contact&) = default;
};

/// A table on its way to or from a file. What comes back are hints, whoever wrote the file: ping them, and offer those
/// that answer to a table. Addresses and ids may change between two runs, so the table's own order is not kept.
struct saved_table {
    static constexpr std::size_t contacts_max = 4096;

    node_id own;
    std::vector<saved_contact> contacts;  ///< most recently seen first

    friend bool operator==(const saved_table&, const saved_table&) = default;
};

/// The good contacts of a table, at most saved_table::contacts_max. `now` and `wall` are the same moment on the two
/// clocks.
[[nodiscard]] saved_table snapshot(const node_id& own, const any_routing_table& table, steady_time now, wall_time wall);

/// The bytes of the file, all integers little-endian: "mydhttbl", u16 version, own id (32), u32 number of contacts;
/// each contact: public key (32), u32 capabilities, u64 milliseconds since 1970 when it was last seen, u8 number of
/// addresses; each address: u8 kind, u16 length, bytes. At the end "mydht.table" (all before), a hash_id of 32 bytes.
/// At most contacts_max contacts with at most limits::addresses_per_contact addresses (asserted).
[[nodiscard]] bytes encode_table(const saved_table& table);

/// Reads it back; every count is checked before memory is reserved for it. Errors: errc::table_file_damaged.
[[nodiscard]] result<saved_table> decode_table(bytes_view data);

/// Replaces the file in one step, readable by its owner alone: it tells whom this node knows. Blocks on the disk.
/// Never replaces what is no table: a wrong name must not cost anybody a key. Errors, after which the old file is as it
/// was: errc::file_unwritable (also for what is no regular file), errc::file_unreadable, errc::table_file_foreign.
[[nodiscard]] result<void> save_table(const std::filesystem::path& path, const saved_table& table);

/// Blocks on the disk. Errors: errc::file_unreadable (no such file, too), errc::table_file_foreign for a
/// file that does not begin as a table or is larger than any, errc::table_file_damaged.
[[nodiscard]] result<saved_table> load_table(const std::filesystem::path& path);

}  // namespace mydht
