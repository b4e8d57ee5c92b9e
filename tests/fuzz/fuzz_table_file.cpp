#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mydht/core/limits.hpp>
#include <mydht/crypto/hash.hpp>
#include <mydht/routing/table_file.hpp>

using namespace mydht;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

void decode(bytes_view data) {
    const auto table = decode_table(data);
    if (!table) {
        check(table.error() == errc::table_file_damaged);
        return;
    }
    for (const auto& saved : table->contacts) check(saved.who.addresses.size() <= limits::addresses_per_contact);
    // There is one form for each table.
    check(std::ranges::equal(encode_table(*table), data));
}

/// With a checksum that fits, so that not all mutations end at it.
void decode_repaired(bytes_view data) {
    if (data.size() < id256::size) return;
    bytes repaired = to_bytes(data.first(data.size() - id256::size));
    const auto checksum = hash_id("mydht.table", {repaired});
    repaired.insert(repaired.end(), checksum.data().begin(), checksum.data().end());
    decode(repaired);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    decode({data, size});
    decode_repaired({data, size});
    return 0;
}
