#include "query/hidden_walks.hpp"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <mydht/query/hidden.hpp>
#include <mydht/runtime/channel.hpp>
#include <mydht/runtime/task_group.hpp>

#include "query/step_log.hpp"

namespace mydht::detail {

namespace {

/// After so long without word of any walk another one begins: somebody silent holds up all that come by it.
constexpr auto patience = std::chrono::seconds(2);

struct arrival {
    arrival(wire::gathered what_, std::size_t walk_) : what(std::move(what_)), walk(walk_) {}
    wire::gathered what;
    std::size_t walk;
};

/// Outlives a search that is cancelled, until the last of its walks has ended.
struct mailbox {
    explicit mailbox(std::size_t walks) : arrivals(walks), reports(walks) {}
    channel<arrival> arrivals;
    std::vector<forward_report> reports;  // one of each walk
};

task<> one_walk(forwarder& via, wire::forward query, steady_time deadline, std::size_t walk,
                std::shared_ptr<mailbox> into) {
    auto what = co_await via.ask(std::move(query), deadline, into->reports[walk]);
    // There is room for all of them.
    [[maybe_unused]] const bool taken = into->arrivals.try_send(arrival(std::move(what), walk));
    assert(taken);
}

}  // namespace

result<bool> is_hidden(const get_options& options, const travel_rules& rules) {
    if (!options.is_hidden().value_or(rules.hide) || options.is_local()) return false;
    const bool other_mode = options.has_mode() && options.mode() != proxied();
    const bool shows = options.hops() || options.fan_out() || options.spread() || options.priority() ||
                       options.disjoint_paths() || options.rounds() || options.is_cached().value_or(false);
    if (other_mode || shows) return failure(errc::bad_argument);
    return true;
}

task<lookup_report> walk_hidden(environment env, forwarder& via, id256 where, steady_time deadline, find_copies& into) {
    const auto begun_at = env.time->now();
    const auto& rules = via.rules();
    const auto box = std::make_shared<mailbox>(rules.walks);
    task_group walks(env.exec, [log = env.log](std::string_view name, const std::exception_ptr&) {
        log.write(log_level::error, "query", std::string(name) + " failed with an exception");
    });
    lookup_report out;
    out.exhausted = true;
    std::size_t begun = 0;
    std::size_t ended = 0;
    std::size_t complete = 0;
    std::size_t at_once = rules.walks_at_once;
    while (!into.enough()) {
        while (begun < rules.walks && begun - ended < at_once) {
            const auto number = begun++;
            wire::find_value goal;
            goal.target = where;
            wire::forward query;
            query.goal = goal;
            hidden::dress(query);
            const auto until = std::min(deadline, env.time->now() + hidden::lifetime);
            walks.spawn("a hidden walk", one_walk(via, std::move(query), until, number, box));
        }
        if (begun == ended) break;
        auto got = co_await box->arrivals.receive_until(*env.time, std::min(deadline, env.time->now() + patience));
        if (!got && env.time->now() >= deadline) {
            out.exhausted = false;
            break;
        }
        if (!got) {
            ++at_once;
            continue;
        }
        ++ended;
        for (auto& each : got->what.items) into.take(std::move(each));
        if (box->reports[got->walk].complete) ++complete;
    }
    walks.terminate();
    co_await walks.join();
    // Who answers may have heard nothing from those behind: that nobody has it is said by walks that came to their end.
    out.exhausted = out.exhausted && complete * 2 >= ended;
    for (std::size_t i = 0; i < begun; ++i) add_round(out, begun_at, i, box->reports[i]);
    out.rounds = begun;
    out.took = env.time->now() - begun_at;
    co_return out;
}

}  // namespace mydht::detail
