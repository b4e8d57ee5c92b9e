#include <mydht/sim/scenario.hpp>

#include <algorithm>
#include <exception>
#include <string>

#include <mydht/runtime/task_group.hpp>

namespace mydht::sim {

namespace {

constexpr std::uint16_t listen_port = 4000;

}  // namespace

struct scenario::impl {
    struct member {
        std::shared_ptr<const identity> self;
        mydht::node handle;
    };

    explicit impl(scenario_config given)
        : config(std::move(given)),
          place(config.seed, config.world),
          net(place, config.network),
          random(prng(config.seed).fork(0x5ce7a410)) {}

    node_config configuration_of(node_index index) {
        node_config out;
        out.self = members[index].self;
        if (config.streams) {
            out.transports.push_back(net.transport(index));
            out.listen.push_back(net.address_of(index, listen_port));
        }
        if (config.datagrams) {
            out.datagram_transports.push_back(net.datagrams(index));
            out.listen.push_back(net.datagram_address_of(index, listen_port));
        }
        if (config.fast_crypto) out.sessions.agreement = &noise::fast_dh();
        const auto others = running();
        for (std::size_t i = 0; i < config.bootstraps && !others.empty(); ++i) {
            const auto pick = others[static_cast<std::size_t>(random.below(others.size()))];
            const auto there =
                config.streams ? net.address_of(pick, listen_port) : net.datagram_address_of(pick, listen_port);
            const auto told = parse_location(there.text());
            const bool known =
                std::ranges::any_of(out.bootstrap, [&](const location& l) { return l.host == told->host; });
            if (pick != index && !known) out.bootstrap.push_back(*told);
        }
        if (config.configure) config.configure(index, out);
        return out;
    }

    node_index add() {
        const auto index = place.add_node();
        const auto env = place.node_environment(index);
        members.emplace_back();
        members.back().self = std::make_shared<const identity>(identity::generate(*env.secure_random));
        return index;
    }

    std::vector<node_index> running() const {
        std::vector<node_index> out;
        for (node_index i = 0; i < members.size(); ++i) {
            if (!members[i].handle.empty()) out.push_back(i);
        }
        return out;
    }

    /// Starts newcomers one after the other; later ones are told of earlier ones, started or starting.
    task<> start_all(std::vector<node_index> newcomers, std::size_t& failed) {
        const auto env = place.driver_environment();
        task_group starting(env.exec, [](std::string_view, const std::exception_ptr&) {});
        for (const auto index : newcomers) {
            auto settings = configuration_of(index);
            members[index].handle = mydht::node(place.node_environment(index), std::move(settings));
            starting.spawn("the start of a simulated node", start_one(index, failed));
            co_await sleep_for(*env.time, config.join_interval);
        }
        co_await starting.join();
    }

    task<> start_one(node_index index, std::size_t& failed) {
        const auto started = co_await members[index].handle.start();
        if (!started) ++failed;
    }

    scenario_config config;
    sim::world place;
    sim::network net;
    prng random;
    std::vector<member> members;
};

scenario::scenario(scenario_config config) : impl_(std::make_unique<impl>(std::move(config))) {}

scenario::~scenario() {
    // The nodes' last words need no world any more; their coroutines go with it.
    for (auto& each : impl_->members) each.handle = {};
}

sim::world& scenario::world() noexcept { return impl_->place; }
sim::network& scenario::network() noexcept { return impl_->net; }

std::size_t scenario::grow(std::size_t count) {
    std::vector<node_index> newcomers;
    for (std::size_t i = 0; i < count; ++i) newcomers.push_back(impl_->add());
    std::size_t failed = 0;
    impl_->place.run(impl_->start_all(std::move(newcomers), failed));
    return failed;
}

task<> scenario::side_by_side(std::vector<task<>> operations) {
    std::exception_ptr failure;
    task_group running(impl_->place.driver_environment().exec,
                       [&failure](std::string_view, const std::exception_ptr& error) { failure = error; });
    for (auto& each : operations) running.spawn("an operation of a scenario", std::move(each));
    co_await running.join();
    if (failure) std::rethrow_exception(failure);
}

std::size_t scenario::size() const noexcept { return impl_->members.size(); }
node& scenario::at(node_index index) { return impl_->members.at(index).handle; }
const node_id& scenario::id_of(node_index index) const { return impl_->members.at(index).self->id(); }
bool scenario::runs(node_index index) const { return !impl_->members.at(index).handle.empty(); }
std::vector<node_index> scenario::running() const { return impl_->running(); }

node_index scenario::any() {
    const auto all = impl_->running();
    return all.at(static_cast<std::size_t>(impl_->random.below(all.size())));
}

void scenario::crash(node_index index, crash_kind kind) {
    impl_->net.crash(index, kind);
    impl_->members.at(index).handle = {};
}

result<join_report> scenario::restart(node_index index) {
    impl_->net.restart(index);
    auto settings = impl_->configuration_of(index);
    auto& handle = impl_->members.at(index).handle;
    handle = mydht::node(impl_->place.node_environment(index), std::move(settings));
    return run(handle.start());
}

std::vector<node_id> scenario::truth(const id256& target, std::size_t count, node_index asker) const {
    std::vector<node_id> out;
    for (const auto index : impl_->running()) {
        if (index != asker) out.push_back(id_of(index));
    }
    const auto wanted = std::min(count, out.size());
    const auto middle = out.begin() + static_cast<std::ptrdiff_t>(wanted);
    std::ranges::partial_sort(out, middle, [&](const node_id& a, const node_id& b) { return closer(target, a, b); });
    out.resize(wanted);
    return out;
}

double scenario::recall(const id256& target, const std::vector<contact>& found, std::size_t count,
                        node_index asker) const {
    const auto expected = truth(target, count, asker);
    if (expected.empty()) return 1;
    std::size_t hits = 0;
    for (const auto& id : expected) {
        if (std::ranges::any_of(found, [&](const contact& c) { return c.id == id; })) ++hits;
    }
    return static_cast<double>(hits) / static_cast<double>(expected.size());
}

}  // namespace mydht::sim
