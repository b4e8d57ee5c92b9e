#include <mydht/crypto/identity_file.hpp>

#include <mydht/crypto/hash.hpp>

namespace mydht {

namespace {

constexpr std::string_view first_line = "mydht identity 1";
constexpr std::size_t line_size = 2 * identity::seed_size;
constexpr std::size_t file_size = first_line.size() + 1 + 2 * (line_size + 1);

void append_line(bytes& out, std::string line) {
    out.insert(out.end(), line.begin(), line.end());
    out.push_back('\n');
    wipe({reinterpret_cast<std::uint8_t*>(line.data()), line.size()});
}

/// The only content that a file for this seed can have.
bytes file_of(bytes_view seed) {
    bytes out;
    out.reserve(file_size);
    append_line(out, std::string(first_line));
    append_line(out, to_hex(seed));
    append_line(out, hash_id("mydht.idfile", {as_bytes(first_line), seed}).hex());
    return out;
}

result<identity> parse(bytes_view content) {
    if (content.size() != file_size) return failure(errc::identity_damaged);
    secret<identity::seed_size> seed;
    const auto digits = as_text(content).substr(first_line.size() + 1, line_size);
    if (!from_hex(digits, seed.span())) return failure(errc::identity_damaged);
    // Comparing the whole file checks the first line, the checksum and the spelling of every digit in one go.
    bytes expected = file_of(seed.view());
    const bool intact = equal_in_constant_time(expected, content);
    wipe(expected);
    if (!intact) return failure(errc::identity_damaged);
    return identity::from_seed(seed.view());
}

}  // namespace

result<void> save_identity(const identity& self, const std::filesystem::path& path, if_exists existing) {
    bytes content = file_of(self.seed());
    auto done = write_file_atomically(path, content, file_mode::owner_only, existing);
    wipe(content);
    return done;
}

result<identity> load_identity(const std::filesystem::path& path) {
    auto file = read_file_and_mode(path, file_size);
    if (!file) {
        const bool oversized = file.error() == errc::too_large;
        return failure(oversized ? make_error_code(errc::identity_damaged) : file.error());
    }
    auto loaded = (file->mode & 0077U) == 0 ? parse(file->data) : failure(errc::identity_exposed);
    wipe(file->data);
    return loaded;
}

}  // namespace mydht
