#include "tools/input.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <unistd.h>

#include <mydht/core/file.hpp>
#include <mydht/crypto/identity_file.hpp>
#include <mydht/crypto/secret.hpp>

#include "tools/arguments.hpp"
#include "tools/explain.hpp"
#include "tools/parse.hpp"

namespace mydht::tools {

namespace {

constexpr std::size_t psk_bytes = 32;

tl::unexpected<problem> value_too_large(std::size_t size_max) {
    return unusable("VALUE: more than " + std::to_string(size_max) + " bytes, which is the limit here; split it");
}

outcome<bytes> read_standard_input(std::size_t size_max) {
    // One byte more than fits, so that what is too large is seen without reading on.
    bytes out(size_max + 1);
    std::size_t used = 0;
    while (used < out.size()) {
        const auto count = ::read(STDIN_FILENO, out.data() + used, out.size() - used);
        if (count == 0) break;
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            return unusable(std::string("standard input: ") + std::strerror(errno) +
                            "; give VALUE or a readable input");
        }
        used += static_cast<std::size_t>(count);
    }
    if (used > size_max) return value_too_large(size_max);
    out.resize(used);
    return out;
}

}  // namespace

outcome<bytes> read_value(const std::optional<std::string>& argument, std::size_t size_max) {
    if (!argument) {
        // Nobody at a terminal knows that the command waits for input, and an empty input is more often a lost value
        // than a wanted one.
        const auto missing = [] { return missing_argument("VALUE", "give it, or - for standard input"); };
        if (::isatty(STDIN_FILENO) != 0) return missing();
        auto content = read_standard_input(size_max);
        if (content && content->empty()) return missing();
        return content;
    }
    if (*argument == "-") return read_standard_input(size_max);
    if (argument->size() > size_max) return value_too_large(size_max);
    return to_bytes(*argument);
}

outcome<std::shared_ptr<const identity>> read_identity(std::string_view path) {
    auto loaded = load_identity(std::filesystem::path(path));
    if (loaded) return std::make_shared<const identity>(std::move(*loaded));
    auto why = explain("identity file " + in_quotes(path), loaded.error());
    if (loaded.error() == errc::file_unreadable) {
        why.text += ", or make one with mydht keygen --out FILE";
    }
    return tl::unexpected<problem>(std::move(why));
}

outcome<bytes> load_psk(std::string_view path) {
    constexpr auto size_max = 2 * psk_bytes + 1;
    auto file = read_file_and_mode(std::filesystem::path(path), size_max);
    const auto refuse = [&](std::string_view why) { return unusable(in_quotes(path) + ": " + std::string(why)); };
    if (!file && file.error() != errc::too_large)
        return tl::unexpected<problem>(explain(in_quotes(path), file.error()));
    if (file && (file->mode & 0077U) != 0) {
        wipe(file->data);
        return refuse("the file can be read by other users; take their rights away with chmod 600");
    }
    bytes key(psk_bytes);
    bool good = false;
    if (file) {
        auto digits = as_text(file->data);
        if (digits.ends_with('\n')) digits.remove_suffix(1);
        good = from_hex(digits, key).has_value();
        wipe(file->data);
    }
    if (!good) return refuse("not a network's key; write 64 hexadecimal digits into it, as openssl rand -hex 32 does");
    return key;
}

}  // namespace mydht::tools
