#include <mydht/transport/resolve.hpp>

#include "tools/client.hpp"
#include "tools/command.hpp"
#include "tools/json.hpp"
#include "tools/output.hpp"
#include "tools/parse.hpp"

namespace mydht::tools {

namespace {

struct pinged {
    address where;
    ping_report report;
};

/// A name may have several addresses; the first that answers counts.
task<result<pinged>> ping_location(client with, location where) {
    const auto deadline = with.env.time->now() + with.left;
    auto addresses = co_await resolve(with.env, where);
    if (!addresses) co_return failure(addresses.error());
    std::error_code last = errc::unknown_host;
    auto untried = static_cast<std::int64_t>(addresses->size());
    for (const auto& one : *addresses) {
        // A silent address leaves the ones behind it their share.
        const auto rest = (deadline - with.env.time->now()) / untried--;
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(rest);
        if (left <= std::chrono::milliseconds::zero()) co_return failure(errc::timed_out);
        auto report = co_await with.peer.ping(one, where.pinned, left);
        if (report) co_return pinged{one, std::move(*report)};
        last = report.error();
    }
    co_return failure(last);
}

}  // namespace

outcome<void> ping_command(std::string_view name, arguments given) {
    command_line line(name,
                      "Dial an address and show who is there: the id, the address, the round trip in milliseconds.",
                      "Example:\n"
                      "  mydht ping udp://127.0.0.1:4000\n");
    client_options options;
    std::optional<location> where;
    line.common(options.common, "Give up after this long (default: 30s)");
    line.positional<location>("ADDR", where, parse_peer_address,
                              "udp://HOST:PORT or tcp://HOST:PORT, or udp://ID@HOST:PORT to accept only that node");
    if (auto go = line.parse(given); !go) return go;
    if (!where) return missing_argument("ADDR", "give the address of a node, as in udp://127.0.0.1:4000");

    const auto answer =
        ask<pinged>(options, where->text(), [&](client with) { return ping_location(std::move(with), *where); });
    if (!answer) return problem_of(answer);
    const auto& [at, report] = *answer;
    const auto took = milliseconds_of(report.round_trip);
    if (!options.common.json) {
        return write_result(report.who.id.hex() + " " + at.text() + " " + fixed(took, 3) + " ms\n");
    }
    json_object object;
    object.text("id", report.who.id.hex()).text("public_key", report.who.peer.hex()).text("address", at.text());
    object.decimal("round_trip_ms", took);
    return write_result(object.line());
}

}  // namespace mydht::tools
