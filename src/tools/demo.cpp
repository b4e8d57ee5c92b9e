#include <map>

#include <mydht/core/limits.hpp>
#include <mydht/crypto/identity.hpp>
#include <mydht/node/node.hpp>
#include <mydht/value/value.hpp>

#include "tools/command.hpp"
#include "tools/explain.hpp"
#include "tools/output.hpp"
#include "tools/parse.hpp"
#include "tools/program.hpp"
#include "tools/stderr_log.hpp"
#include "tools/timing_table.hpp"

namespace mydht::tools {

namespace {

constexpr std::size_t nodes_min = 4;
/// Each node holds some tens of sockets, and processes may have about a thousand.
constexpr std::size_t nodes_max = 64;
constexpr std::size_t small_values = 20;
constexpr std::size_t small_value_bytes = 1024;

struct demo_arguments {
    common_options common;
    std::size_t nodes = 16;
};

outcome<std::size_t> parse_nodes(std::string_view text) {
    const auto number = parse_number(text);
    if (number && *number >= nodes_min && *number <= nodes_max) return static_cast<std::size_t>(*number);
    return unusable(in_quotes(text) + " is no number of nodes for a demo; give " + std::to_string(nodes_min) + " to " +
                    std::to_string(nodes_max));
}

/// The network of the demo and what it has been given to keep.
class demo_network {
public:
    demo_network(environment env, const demo_arguments& wanted, timing_table& times)
        : env_(std::move(env)), wanted_(wanted), times_(times) {}

    /// All steps in their order. Errors: what kept a step from being tried; failed puts and gets are only counted.
    [[nodiscard]] task<result<void>> show() {
        const auto started = co_await start_nodes();
        if (!started) co_return started;
        for (std::size_t i = 0; i < small_values; ++i) co_await put("put 1 KiB", small_value_bytes);
        co_await put("put 64 KiB", limits::inline_value_bytes);
        auto author = std::make_shared<const identity>(identity::generate(*env_.secure_random));
        co_await publish("publish", author, "first");
        co_await publish("publish an update", author, "second");
        co_await get_all("get");
        for (std::size_t left = nodes_.size() / 4; left > 0; --left) {
            co_await nodes_.back().stop();
            nodes_.pop_back();
        }
        co_await get_all("get, a quarter stopped");
        co_return result<void>();
    }

    [[nodiscard]] task<> stop() {
        co_await visitor_.stop();
        for (auto& one : nodes_) co_await one.stop();
    }

private:
    [[nodiscard]] node& next_node() { return nodes_[turn_++ % nodes_.size()]; }

    [[nodiscard]] node_config config() const {
        node_config out;
        out.listen.push_back(address::ipv4(address_kind::udp, {127, 0, 0, 1}, 0));
        if (!nodes_.empty()) out.bootstrap.push_back(*parse_location(nodes_.front().addresses().front().text()));
        apply(wanted_.common, out.sessions);
        if (wanted_.common.timeout) {
            out.join_timeout = *wanted_.common.timeout;
            out.queries.query_timeout = *wanted_.common.timeout;
        }
        return out;
    }

    task<result<void>> start_nodes() {
        while (nodes_.size() < wanted_.nodes) {
            node one(env_, config());
            nodes_.push_back(one);
            const auto begin = env_.time->now();
            auto joined = co_await one.start();
            if (!joined) co_return failure(joined.error());
            const bool reached = joined->bootstraps == 0 || joined->reached > 0;
            times_.add("start a node", reached, env_.time->now() - begin);
        }
        node_config client = config();
        client.client_only = true;
        client.listen.clear();
        visitor_ = node(env_, std::move(client));
        auto joined = co_await visitor_.start();
        if (!joined) co_return failure(joined.error());
        co_return result<void>();
    }

    task<> put(std::string_view operation, std::size_t size) {
        bytes content(size);
        env_.secure_random->fill(content);
        const auto what = value::immutable(content);
        const auto begin = env_.time->now();
        auto report = co_await next_node().put(what);
        times_.add(operation, report.has_value(), env_.time->now() - begin);
        kept_[what.key()] = std::move(content);
    }

    task<> publish(std::string_view operation, std::shared_ptr<const identity> author, std::string_view text) {
        const auto begin = env_.time->now();
        auto report = co_await next_node().publish(author, to_bytes(text));
        times_.add(operation, report.has_value(), env_.time->now() - begin);
        if (report) kept_[report->key] = to_bytes(text);
    }

    task<> get_all(std::string_view operation) {
        for (const auto& [key, content] : kept_) {
            const auto begin = env_.time->now();
            auto found = co_await visitor_.get(key);
            const bool same = found && found->text() == as_text(content);
            times_.add(operation, same, env_.time->now() - begin);
        }
    }

    environment env_;
    const demo_arguments& wanted_;
    timing_table& times_;
    std::vector<node> nodes_;
    node visitor_;  // keeps nothing, so that what it finds has come over the network
    std::map<id256, bytes> kept_;
    std::size_t turn_ = 0;
};

task<> run_demo(environment env, interruption& wish, const demo_arguments& wanted, timing_table& times,
                outcome<void>& ended) {
    demo_network network(std::move(env), wanted, times);
    const auto shown = co_await unless_interrupted(wish, network.show());
    co_await network.stop();
    if (!shown) ended = tl::unexpected<problem>(explain("the demo did not come to its end", shown.error()));
}

}  // namespace

outcome<void> demo_command(std::string_view name, arguments given) {
    command_line line(
        name,
        "Run a small network in this process, store and find values, stop a quarter of the nodes, find them again.",
        "Prints a table: operation, count, success, median and 95th percentile in milliseconds.\n\n"
        "Example:\n"
        "  mydht demo --nodes 16\n");
    demo_arguments wanted;
    line.option<std::size_t>("--nodes", "N", wanted.nodes, parse_nodes, "How many nodes, 4 to 64 (default: 16)");
    line.common(wanted.common, "Give up on one operation after this long (default: 30s)");
    if (auto go = line.parse(given); !go) return go;

    timing_table times;
    outcome<void> ended;
    run_program(make_stderr_log(wanted.common.log), [&](environment env, interruption& wish) {
        return run_demo(std::move(env), wish, wanted, times, ended);
    });
    if (!ended) return ended;
    if (auto written = write_result(wanted.common.json ? times.json() : times.text()); !written) return written;
    if (times.failures() == 0) return {};
    problem some;
    some.text = std::to_string(times.failures()) + " operations failed; run it again with --log-level debug to see why";
    return tl::unexpected<problem>(std::move(some));
}

}  // namespace mydht::tools
