#include <filesystem>

#include <asio/io_context.hpp>

#include <mydht/crypto/identity_file.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/runtime/environment.hpp>

#include "tools/command.hpp"
#include "tools/explain.hpp"
#include "tools/input.hpp"
#include "tools/json.hpp"
#include "tools/output.hpp"
#include "tools/parse.hpp"

namespace mydht::tools {

namespace {

outcome<void> print_identity(const identity& self, bool json) {
    if (json) {
        json_object object;
        object.text("id", self.id().hex()).text("public_key", self.key().hex());
        return write_result(object.line());
    }
    return write_result("id " + self.id().hex() + "\npublic-key " + self.key().hex() + "\n");
}

/// Tries key pairs like identity::generate_with_work(), but ends at the deadline.
outcome<identity> generate(std::size_t work, std::optional<std::chrono::milliseconds> timeout) {
    asio::io_context context(1);
    const auto env = make_environment(context.get_executor());
    const auto begin = env.time->now();
    for (;;) {
        auto made = identity::generate(*env.secure_random);
        if (id_work(made.id()) >= work) return made;
        if (timeout && env.time->now() - begin >= *timeout) {
            return tl::unexpected<problem>(problem{
                exit_code::timed_out, "no identity with " + std::to_string(work) +
                                          " bits of work was found in time; give a longer --timeout or less --work"});
        }
    }
}

}  // namespace

outcome<void> keygen_command(std::string_view name, arguments given) {
    command_line line(name, "Make an identity: an Ed25519 key pair and the node id that follows from it.",
                      "Prints the id and the public key, never the secret. Without --out the identity is forgotten.\n\n"
                      "Example:\n"
                      "  mydht keygen --out me.identity\n");
    common_options common;
    std::optional<std::string> out;
    std::size_t work = 0;
    line.option("--out", "FILE", out, "Write the identity here, with mode 0600; an existing file is never replaced");
    line.option<std::size_t>("--work", "BITS", work, parse_work_bits,
                             "Search until the id shows so many bits of work; each bit doubles the time (default: 0)");
    line.common(common, "Give up the search for --work after this long (default: never)");
    if (auto go = line.parse(given); !go) return go;

    const auto refuse_file = [&](std::error_code error) {
        return tl::unexpected<problem>(explain("identity file " + in_quotes(*out), error));
    };
    // Found out before a search of hours; the file system decides again when the file is written.
    std::error_code unknown;
    if (out && std::filesystem::exists(*out, unknown)) return refuse_file(errc::file_exists);
    const auto made = generate(work, common.timeout);
    if (!made) return problem_of(made);
    if (out) {
        if (auto saved = save_identity(*made, *out); !saved) return refuse_file(saved.error());
    } else {
        write_error_line(name, "not saved; give --out FILE to keep the identity");
    }
    return print_identity(*made, common.json);
}

outcome<void> id_command(std::string_view name, arguments given) {
    command_line line(name, "Show the id and the public key of an identity file.",
                      "Example:\n"
                      "  mydht id --identity me.identity\n");
    common_options common;
    std::optional<std::string> file;
    line.option("--identity", "FILE", file, "The identity file, as mydht keygen makes it");
    line.common(common, "For likeness with the other commands: reading the file takes no time");
    if (!given.empty() && !std::string_view(given.front()).starts_with('-')) {
        return unusable("FILE goes behind --identity: mydht id --identity " + in_quotes(given.front()));
    }
    if (auto go = line.parse(given); !go) return go;

    if (!file) return missing_argument("--identity", "give the file that mydht keygen --out wrote");
    const auto self = read_identity(*file);
    if (!self) return problem_of(self);
    return print_identity(**self, common.json);
}

}  // namespace mydht::tools
