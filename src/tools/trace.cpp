#include <algorithm>

#include "tools/command.hpp"
#include "tools/explain.hpp"
#include "tools/get_choice.hpp"
#include "tools/output.hpp"
#include "tools/query_tree.hpp"

namespace mydht::tools {

namespace {

constexpr std::string_view about =
    "Every line is a peer, below the one whose answer named it: when it was asked, how long it took, what came of it. "
    "Of a query\n"
    "that peers pass on only the first of them are seen, and who brought something straight here. Nobody is asked\n"
    "anything more than for mydht get.\n\n"
    "  found 1         the peer, or, of a query that peers pass on, somebody behind it, had that many\n"
    "  found nothing   and neither had anybody behind it\n"
    "  named 3         so many peers nearer to the key\n"
    "  brought         straight here, by whoever had it\n"
    "  late            after others had been asked in its place\n"
    "  silent          no answer in time\n"
    "  not reached     no session with it\n"
    "  refused, invalid answer, had seen the query, no answer when it was over\n\n"
    "Ends as mydht get does: with 3 when enough nodes answered and none has it, with 4 "
    "when\n"
    "the time ran out; the tree is printed all the same.\n\n"
    "Examples:\n"
    "  mydht trace --bootstrap udp://127.0.0.1:4000 KEY\n"
    "  mydht trace --bootstrap udp://127.0.0.1:4000 --mode proxied --json KEY | jq '.steps[] | .outcome'\n";

/// How the user's query travels.
traced_query begin_of(const get_choice& wanted, bool peer) {
    const auto mode = wanted.travel.mode.value_or(iterative());
    const bool hidden = wanted.hides() && !peer;
    return {*wanted.key, hidden ? "hidden" : text_of(mode), hidden || mode != iterative()};
}

/// The node itself is looked for, not those near it.
task<result<void>> find_peer(client with, id256 who, get_options how) {
    auto found = co_await with.peer.lookup(who, std::move(how));
    if (!found) co_return failure(found.error());
    const bool there = std::ranges::any_of(found->closest, [&](const contact& each) { return each.id == who; });
    if (!there) co_return failure(found->exhausted ? errc::not_found : errc::timed_out);
    co_return result<void>();
}

task<result<void>> find_value(client with, id256 where, get_options how) {
    const auto found = co_await with.peer.get(where, std::move(how));
    if (!found) co_return failure(found.error());
    co_return result<void>();
}

task<result<void>> remember(task<result<void>> search, std::error_code& why) {
    auto done = co_await std::move(search);
    if (!done) why = done.error();
    co_return done;
}

}  // namespace

outcome<void> trace_command(std::string_view name, arguments given) {
    command_line line(name, "Find a value, and print the tree of the peers that were asked for it instead of it.",
                      about);
    get_choice wanted;
    bool peer = false;
    bool whole = false;
    wanted.declare(line, "The key that mydht put printed, or with --peer the id of a node");
    line.flag("--peer", peer, "KEY is the id of a node, which is looked for");
    line.flag("--long", whole, "Ids with all of their digits");
    if (auto go = line.parse(given); !go) return go;
    if (wanted.hide)
        return unusable("--hide: a query that is not to be followed has no trace; leave --hide out, or use mydht get");
    if (auto fits = wanted.check(!peer); !fits) return fits;

    auto traced = begin_of(wanted, peer);
    traced.whole_ids = whole;
    wanted.client.what = peer ? sought::peer : sought::value;
    const auto done = detail::ask_once(wanted.client, wanted.key->hex(), [&](client with) {
        auto how = wanted.options(with.left).report_to(traced.report);
        auto search = peer ? find_peer(std::move(with), *wanted.key, std::move(how))
                           : find_value(std::move(with), *wanted.key, std::move(how));
        return remember(std::move(search), traced.error);
    });
    // Nobody was asked: why not is all that there is to say.
    if (!done && traced.report.steps.empty()) return done;
    traced.retracted = !peer && was_retracted(traced.error, traced.report);
    const auto written = write_result(wanted.client.common.json ? tree_json(traced) : tree_text(traced));
    if (written && traced.retracted) return tl::unexpected<problem>(retracted(wanted.key->hex()));
    return written ? done : written;
}

}  // namespace mydht::tools
