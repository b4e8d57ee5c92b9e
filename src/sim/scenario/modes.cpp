#include <mydht/sim/scenario_modes.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

#include <mydht/core/random.hpp>
#include <mydht/sim/scenario.hpp>

namespace mydht::sim {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t nodes_min = 8;
constexpr std::size_t long_links_each = 3;
constexpr std::size_t sheltered_of_ten = 3;
/// Nodes that a newcomer is told of, of those that it has a link to.
constexpr std::size_t bootstraps_max = 8;
/// After the last start, until what it set off has come to rest.
constexpr auto settling = 60s;

constexpr std::array<std::pair<std::string_view, topology>, 6> names = {{
    {"everybody", topology::everybody},
    {"ring", topology::ring},
    {"long-links", topology::long_links},
    {"four-links", topology::four_links},
    {"two-cliques", topology::two_cliques},
    {"sheltered", topology::sheltered},
}};

/// The links of a topology; nothing when everybody has one to everybody.
class drawn_links {
public:
    drawn_links(topology shape, std::size_t nodes, prng random) : nodes_(nodes), random_(random) {
        if (shape == topology::ring) ring();
        if (shape == topology::long_links) {
            ring();
            for (std::size_t i = 0; i < nodes_; ++i) {
                for (std::size_t j = 0; j < long_links_each; ++j)
                    add(i, static_cast<std::size_t>(random_.below(nodes_)));
            }
        }
        if (shape == topology::four_links) {
            // Two rings, each in an order of its own.
            ring();
            std::vector<std::size_t> order(nodes_);
            std::iota(order.begin(), order.end(), 0);
            shuffle(order, random_);
            for (std::size_t i = 0; i < nodes_; ++i) add(order[i], order[(i + 1) % nodes_]);
        }
        if (shape == topology::two_cliques) {
            clique(0, nodes_ / 2);
            clique(nodes_ / 2, nodes_);
            add(0, nodes_ / 2);
        }
    }

    [[nodiscard]] const std::vector<link>& all() const noexcept { return links_; }

    /// The nodes with lower numbers that this one has links to: those that are there when it starts.
    [[nodiscard]] std::vector<node_index> earlier_neighbours(node_index node) const {
        std::vector<node_index> out;
        for (const auto& each : links_) {
            if (each.other == node) out.push_back(each.one);
        }
        return out;
    }

private:
    void add(std::size_t a, std::size_t b) {
        if (a == b) return;
        link made;
        made.one = static_cast<node_index>(std::min(a, b));
        made.other = static_cast<node_index>(std::max(a, b));
        links_.push_back(made);
    }
    void ring() {
        for (std::size_t i = 0; i < nodes_; ++i) add(i, (i + 1) % nodes_);
    }
    void clique(std::size_t from, std::size_t to) {
        for (std::size_t i = from; i < to; ++i) {
            for (std::size_t j = i + 1; j < to; ++j) add(i, j);
        }
    }

    std::size_t nodes_;
    prng random_;
    std::vector<link> links_;
};

/// What all nodes together have sent, and each has found for others in its own store.
struct totals {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    std::vector<std::uint64_t> hits;
};

/// How far queries that travel have come, seen from outside: each node tells what it sends on.
class footprints {
public:
    void sent_on(const loop_tag& tag, const node_id* from_asker, const node_id& by, const node_id& to) {
        auto& way = ways_[tag];
        const auto here = from_asker == nullptr ? 0 : way[by];
        auto& there = way[to];
        there = there == 0 ? here + 1 : std::min(there, here + 1);
    }
    void forget() { ways_.clear(); }
    /// Hops from the asker to this node; 0 when no query came to it.
    [[nodiscard]] std::size_t distance(const node_id& to) const {
        std::size_t out = 0;
        for (const auto& [tag, way] : ways_) {
            const auto at = way.find(to);
            if (at != way.end() && (out == 0 || at->second < out)) out = at->second;
        }
        return out;
    }

private:
    std::map<loop_tag, std::map<node_id, std::size_t>> ways_;
};

/// The queries of one kind.
class measurement {
public:
    void add(bool succeeded, duration took, const totals& before, const totals& after, std::size_t hops = 0) {
        ++asked_;
        messages_ += after.messages - before.messages;
        bytes_ += after.bytes - before.bytes;
        if (!succeeded) return;
        times_.push_back(took);
        hops_ += hops;
    }

    [[nodiscard]] mode_figures figures() const {
        mode_figures out;
        out.asked = asked_;
        out.succeeded = times_.size();
        if (asked_ > 0) {
            out.messages = static_cast<double>(messages_) / static_cast<double>(asked_);
            out.bytes = static_cast<double>(bytes_) / static_cast<double>(asked_);
        }
        if (times_.empty()) return out;
        out.hops = static_cast<double>(hops_) / static_cast<double>(times_.size());
        auto sorted = times_;
        std::ranges::sort(sorted);
        const auto ranked = [&](std::size_t percent) { return sorted[(sorted.size() * percent + 99) / 100 - 1]; };
        out.median = ranked(50);
        out.p95 = ranked(95);
        return out;
    }

private:
    std::size_t asked_ = 0;
    std::uint64_t messages_ = 0;
    std::uint64_t bytes_ = 0;
    std::size_t hops_ = 0;
    std::vector<duration> times_;
};

class comparison {
public:
    explicit comparison(const modes_config& config)
        : config_(config),
          random_(config.seed),
          links_(config.shape, config.nodes, prng(config.seed).fork(1)),
          network_(settings()),
          gets_(config.modes.size()) {}

    [[nodiscard]] modes_report run() {
        modes_report out;
        if (!links_.all().empty()) network_.network().link_only(links_.all());
        out.failed_starts = network_.grow(config_.nodes);
        network_.world().run_for(settling);
        if (config_.shape == topology::sheltered) shelter();
        const auto keys = put_values();
        for (std::size_t i = 0; i < keys.size(); ++i) {
            const auto asker = network_.any();
            for (std::size_t j = 0; j < config_.modes.size(); ++j) get(keys[i], asker, (i + j) % config_.modes.size());
        }
        out.puts = puts_.figures();
        for (const auto& each : gets_) out.gets.push_back(each.figures());
        return out;
    }

private:
    [[nodiscard]] scenario_config settings() {
        scenario_config out;
        out.seed = config_.seed;
        out.streams = !config_.datagrams;
        out.datagrams = config_.datagrams;
        out.configure = [this](node_index index, node_config& node) { configure(index, node); };
        return out;
    }

    void configure(node_index index, node_config& node) {
        // What nodes do by themselves would be counted with the queries.
        node.neighbours_interval = 24h;
        node.refresh_after = 24h;
        node.forwarding.decisions.hops_left = [this, self = node.self->id()](travelling what, const contact& to,
                                                                             std::uint8_t usual) {
            const auto* from = what.from != nullptr ? &what.from->who.id : nullptr;
            seen_.sent_on(what.query.tag, from, self, to.id);
            return usual;
        };
        if (links_.all().empty()) return;
        auto known = links_.earlier_neighbours(index);
        shuffle(known, random_);
        if (known.size() > bootstraps_max) known.resize(bootstraps_max);
        node.bootstrap.clear();
        for (const auto other : known) {
            const auto port = node.listen.front().port();
            const auto at = config_.datagrams ? network_.network().datagram_address_of(other, port)
                                              : network_.network().address_of(other, port);
            node.bootstrap.push_back(*parse_location(at.text()));
        }
    }

    /// After the start, so that everybody has found a place: it is what comes to them later that is kept out.
    void shelter() {
        for (node_index i = 0; i < config_.nodes; ++i) {
            if (random_.below(10) < sheltered_of_ten) network_.network().shelter(i);
        }
    }

    [[nodiscard]] totals now_sent() {
        totals out;
        for (const auto index : network_.running()) {
            const auto now = network_.run(network_.at(index).status());
            out.messages += now.traffic.requests_sent;
            out.hits.push_back(now.forwarded.hits);
        }
        const auto counts = network_.network().counts();
        out.bytes = counts.bytes + counts.datagram_bytes;
        return out;
    }

    /// How far the nearest of the nodes was that had something between these two looks.
    [[nodiscard]] std::size_t nearest_hit(const totals& before, const totals& after) {
        std::size_t out = 0;
        const auto running = network_.running();
        for (std::size_t i = 0; i < running.size(); ++i) {
            if (after.hits[i] == before.hits[i]) continue;
            const auto far = seen_.distance(network_.at(running[i]).id());
            if (far > 0 && (out == 0 || far < out)) out = far;
        }
        return out;
    }

    [[nodiscard]] std::vector<id256> put_values() {
        std::vector<id256> keys;
        for (std::size_t i = 0; i < config_.values; ++i) {
            put_options how;
            how.mode(proxied());
            if (config_.hops) how.hops(*config_.hops);
            const auto what = value::immutable("value " + std::to_string(i));
            keys.push_back(what.key());
            const auto before = now_sent();
            const auto begun = network_.world().now();
            const auto stored = network_.run(network_.at(network_.any()).put(what, std::move(how)));
            puts_.add(stored.has_value(), network_.world().now() - begun, before, now_sent());
        }
        return keys;
    }

    void get(const id256& key, node_index asker, std::size_t mode) {
        get_options how;
        how.mode(config_.modes[mode]);
        if (config_.hops && config_.modes[mode] != iterative()) how.hops(*config_.hops);
        lookup_report report;
        how.report_to(report);
        seen_.forget();
        const auto before = now_sent();
        const auto begun = network_.world().now();
        const auto found = network_.run(network_.at(asker).get(key, std::move(how)));
        const auto took = network_.world().now() - begun;
        const auto after = now_sent();
        const bool own = report.asked == 0;
        const auto hops = config_.modes[mode] == iterative() ? (own ? 0 : report.hops + 1) : nearest_hit(before, after);
        gets_[mode].add(found.has_value(), took, before, after, hops);
    }

    modes_config config_;
    prng random_;
    drawn_links links_;
    footprints seen_;
    scenario network_;
    measurement puts_;
    std::vector<measurement> gets_;
};

}  // namespace

std::optional<topology> parse_topology(std::string_view name) noexcept {
    for (const auto& [text, shape] : names) {
        if (text == name) return shape;
    }
    return {};
}

std::string_view name_of(topology shape) noexcept {
    const auto found = std::ranges::find(names, shape, &std::pair<std::string_view, topology>::second);
    return found == names.end() ? std::string_view() : found->first;
}

modes_report compare_modes(const modes_config& config) {
    if (config.nodes < nodes_min) throw std::invalid_argument("modes_config: nodes must be at least 8");
    return comparison(config).run();
}

}  // namespace mydht::sim
