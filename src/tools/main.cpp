#include <algorithm>
#include <exception>
#include <iterator>
#include <stdexcept>

#include "tools/command.hpp"
#include "tools/output.hpp"
#include "tools/parse.hpp"
#include "tools/version.hpp"

namespace mydht::tools {

namespace {

struct command {
    std::string_view name;
    std::string_view purpose;
    command_function run;  ///< null for what a later version brings
};

constexpr command commands[] = {
    {"keygen", "make an identity", keygen_command},
    {"id", "show the id of an identity file", id_command},
    {"node", "run a node until it is told to stop", node_command},
    {"put", "store a value, print its key", put_command},
    {"get", "find a value", get_command},
    {"publish", "store a signed value that its author can replace", publish_command},
    {"retract", "take a signed value back", retract_command},
    {"resolve", "find the newest value of an author", resolve_command},
    {"trace", "find a value, print which peers were asked, when, and what they answered", trace_command},
    {"request", "ask a service of a node, also where nobody can connect to it", request_command},
    {"lookup", "list the nodes nearest to an id", lookup_command},
    {"ping", "show who is at an address", ping_command},
    {"codec", "show how messages look in each encoding", codec_command},
    {"demo", "run a small network in this process", demo_command},
    {"sim", "simulate a network", sim_command},
    {"bench", "measure a network", nullptr},
};

std::string help() {
    std::string out =
        "mydht: peers find each other and share values without a server.\n"
        "Usage: mydht COMMAND [OPTIONS] [ARGUMENTS]\n\n"
        "Commands:\n";
    for (const auto& one : commands) {
        if (one.run == nullptr) continue;
        out.append("  ")
            .append(one.name)
            .append(std::string(10 - one.name.size(), ' '))
            .append(one.purpose)
            .append("\n");
    }
    out +=
        "\nmydht COMMAND --help shows the options and an example; mydht --version the version.\n"
        "\nExample:\n"
        "  mydht node --listen udp://127.0.0.1:4000 &\n"
        "  mydht put --bootstrap udp://127.0.0.1:4000 hello\n"
        "\nExit codes: 0 done; 1 failed; 2 arguments, files or values that can never work; 3 enough nodes answered and "
        "none\n"
        "has the value; 4 the time ran out before a result.\n";
    return out;
}

outcome<void> dispatch(std::string& name, arguments given) {
    if (given.empty()) return unusable("no command was given; see mydht --help");
    const std::string_view first = given.front();
    if (first == "--help" || first == "-h" || first == "help") return write_result(help());
    if (first == "--version") return write_result("mydht " + std::string(version) + "\n");
    const auto* found =
        std::find_if(std::begin(commands), std::end(commands), [&](const command& c) { return c.name == first; });
    if (found == std::end(commands)) return unusable("there is no command " + in_quotes(first) + "; see mydht --help");
    name += " " + std::string(first);
    const auto behind = given.subspan(1);
    if (found->run != nullptr) return found->run(name, behind);
    const std::string later = "not available yet; see mydht --help for what is";
    const bool asks_for_help = std::any_of(behind.begin(), behind.end(),
                                           [](std::string_view text) { return text == "--help" || text == "-h"; });
    return asks_for_help ? write_result(name + ": " + later + "\n") : unusable(later);
}

/// What goes wrong by our own doing or for lack of memory arrives as an exception; users get a line for these too.
exit_code run(arguments given) {
    std::string name = "mydht";
    problem why;
    try {
        auto done = dispatch(name, given);
        if (done) return exit_code::done;
        why = std::move(done.error());
    } catch (const std::invalid_argument& e) {
        why = {exit_code::unusable, e.what()};
    } catch (const std::exception& e) {
        why = {exit_code::failed, e.what()};
    }
    if (!why.text.empty()) write_error_line(name, why.text);
    return why.code;
}

}  // namespace

}  // namespace mydht::tools

int main(int argc, char** argv) {
    mydht::tools::prepare_standard_streams();
    const mydht::tools::arguments all(argv, static_cast<std::size_t>(std::max(argc, 0)));
    return static_cast<int>(mydht::tools::run(all.subspan(std::min<std::size_t>(1, all.size()))));
}
