#include <mydht/routing/table_file.hpp>

#include <algorithm>
#include <cassert>
#include <string_view>

#include <mydht/core/body.hpp>
#include <mydht/core/file.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/crypto/hash.hpp>
#include <mydht/crypto/ids.hpp>

namespace mydht {

namespace {

constexpr std::string_view magic = "mydhttbl";
constexpr std::string_view checksum_name = "mydht.table";
constexpr std::uint16_t version = 1;
constexpr std::size_t address_bytes_max = 1 + 2 + address::size_max;
constexpr std::size_t contact_bytes_min = public_key::size + 4 + 8 + 1;
constexpr std::size_t contact_bytes_max = contact_bytes_min + limits::addresses_per_contact * address_bytes_max;
constexpr std::size_t header_bytes = magic.size() + 2 + node_id::size + 4;
constexpr std::size_t file_bytes_max = header_bytes + saved_table::contacts_max * contact_bytes_max + id256::size;

void write_contact(body_writer& out, const saved_contact& saved) {
    assert(saved.who.addresses.size() <= limits::addresses_per_contact);
    out.fixed(saved.who.peer.view()).u32(saved.who.capabilities);
    out.u64(static_cast<std::uint64_t>(saved.last_seen.time_since_epoch().count()));
    out.u8(static_cast<std::uint8_t>(saved.who.addresses.size()));
    for (const auto& a : saved.who.addresses) out.u8(static_cast<std::uint8_t>(a.kind())).short_bytes(a.data());
}

result<saved_contact> read_contact(body_reader& in) {
    const auto peer = public_key::from_bytes(in.fixed(public_key::size));
    const auto capabilities = in.u32();
    const auto last_seen = static_cast<std::int64_t>(in.u64());
    const std::size_t count = in.u8();
    if (!peer || last_seen < 0 || count > limits::addresses_per_contact) return failure(errc::table_file_damaged);
    std::vector<address> addresses;
    addresses.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto kind = address_kind{in.u8()};
        const auto a = address::from_bytes(kind, in.short_bytes(address::size_max));
        if (!a) return failure(errc::table_file_damaged);
        addresses.push_back(*a);
    }
    return saved_contact{contact_of(*peer, capabilities, std::move(addresses)),
                         wall_time(std::chrono::milliseconds(last_seen))};
}

}  // namespace

saved_table snapshot(const node_id& own, const any_routing_table& table, steady_time now, wall_time wall) {
    saved_table out;
    out.own = own;
    table.for_each([&](const table_entry<contact>& e) {
        if (table.is_bad(e)) return;
        const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now - e.last_seen);
        out.contacts.push_back({e.contact, std::max(wall_time(), wall_time(wall - age))});
    });
    std::ranges::stable_sort(out.contacts, std::ranges::greater(), &saved_contact::last_seen);
    if (out.contacts.size() > saved_table::contacts_max) out.contacts.resize(saved_table::contacts_max);
    return out;
}

bytes encode_table(const saved_table& table) {
    assert(table.contacts.size() <= saved_table::contacts_max);
    body_writer out;
    out.fixed(as_bytes(magic)).u16(version).fixed(table.own.view());
    out.u32(static_cast<std::uint32_t>(table.contacts.size()));
    for (const auto& saved : table.contacts) write_contact(out, saved);
    const auto checksum = hash_id(checksum_name, {out.data()});
    out.fixed(checksum.view());
    return out.take();
}

result<saved_table> decode_table(bytes_view data) {
    const auto damaged = failure(errc::table_file_damaged);
    if (data.size() < header_bytes + id256::size || data.size() > file_bytes_max) return damaged;
    const auto body = data.first(data.size() - id256::size);
    if (!std::ranges::equal(data.last(id256::size), hash_id(checksum_name, {body}).view())) return damaged;

    body_reader in(body);
    if (as_text(in.fixed(magic.size())) != magic || in.u16() != version) return damaged;
    saved_table out;
    out.own = node_id::from_bytes(in.fixed(node_id::size)).value();
    const std::size_t count = in.u32();
    if (count > saved_table::contacts_max || count > in.left() / contact_bytes_min) return damaged;
    out.contacts.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        auto saved = read_contact(in);
        if (!saved) return damaged;
        out.contacts.push_back(std::move(*saved));
    }
    if (!in.end()) return damaged;
    return out;
}

result<void> save_table(const std::filesystem::path& path, const saved_table& table) {
    const auto there = std::filesystem::symlink_status(path).type();
    if (there != std::filesystem::file_type::not_found) {
        if (there != std::filesystem::file_type::regular) return failure(errc::file_unwritable);
        const auto before = load_table(path);
        if (!before && before.error() != errc::table_file_damaged) return failure(before.error());
    }
    return write_file_atomically(path, encode_table(table), file_mode::owner_only, if_exists::replace);
}

result<saved_table> load_table(const std::filesystem::path& path) {
    const auto data = read_file(path, file_bytes_max);
    if (!data) return failure(data.error() == errc::too_large ? errc::table_file_foreign : data.error());
    const auto begin = as_text(*data).substr(0, magic.size());
    if (begin != magic.substr(0, begin.size())) return failure(errc::table_file_foreign);
    return decode_table(*data);
}

}  // namespace mydht
