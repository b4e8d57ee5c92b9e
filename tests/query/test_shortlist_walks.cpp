#include <mydht/query/shortlist.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "support/catch.hpp"
#include "support/contacts.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace std::chrono_literals;

namespace {

using list_type = shortlist<node_id, contact>;

enum class behaviour { honest, silent, gone, invents, colludes };

struct peer {
    contact who;
    behaviour does = behaviour::honest;
    std::vector<std::size_t> knows;
};

/// A network as Kademlia makes it: each peer knows k random others of each bucket, which are all of them in near
/// buckets.
class world {
public:
    world(std::size_t size, std::size_t k, prng& random) : k_(k) {
        for (std::uint32_t i = 0; i < size; ++i) {
            peers_.push_back({test::server_at(test::random_id(random), test::public_address(i)), {}, {}});
            index_[peers_.back().who.id] = i;
        }
        for (auto& each : peers_) fill_table(each, random);
    }

    void spoil(double share, behaviour how, prng& random) {
        for (auto& each : peers_) {
            if (random.unit() < share) each.does = how;
        }
    }

    const peer* find(const node_id& id) const {
        const auto at = index_.find(id);
        return at != index_.end() ? &peers_[at->second] : nullptr;
    }
    const peer& some(prng& random) const { return peers_[static_cast<std::size_t>(random.below(peers_.size()))]; }

    /// What the peer says is nearest to the target.
    std::vector<contact> answer(const peer& asked, const node_id& target, prng& random) const {
        if (asked.does == behaviour::invents) return invented(target, random);
        std::vector<std::size_t> pool = asked.knows;
        if (asked.does == behaviour::colludes) {
            pool.clear();
            for (std::size_t i = 0; i < peers_.size(); ++i) {
                if (peers_[i].does == behaviour::colludes) pool.push_back(i);
            }
        }
        return nearest(pool, target, k_);
    }

    /// The truth: the honest ones among the nearest peers that are there.
    std::vector<contact> nearest_honest(const node_id& target, const node_id& asker) const {
        std::vector<std::size_t> pool;
        for (std::size_t i = 0; i < peers_.size(); ++i) {
            const bool there = peers_[i].does != behaviour::gone && peers_[i].does != behaviour::silent;
            if (there && peers_[i].who.id != asker) pool.push_back(i);
        }
        auto out = nearest(pool, target, k_);
        std::erase_if(out, [this](const contact& c) { return find(c.id)->does != behaviour::honest; });
        return out;
    }

    std::vector<contact> seeds_of(const peer& asker, const node_id& target) const {
        return nearest(asker.knows, target, k_);
    }

private:
    void fill_table(peer& owner, prng& random) {
        std::map<std::size_t, std::vector<std::size_t>> buckets;
        for (std::size_t i = 0; i < peers_.size(); ++i) {
            if (peers_[i].who.id != owner.who.id) buckets[common_prefix(owner.who.id, peers_[i].who.id)].push_back(i);
        }
        for (auto& [shared, members] : buckets) {
            shuffle(members, random);
            if (members.size() > k_) members.resize(k_);
            owner.knows.insert(owner.knows.end(), members.begin(), members.end());
        }
    }

    std::vector<contact> nearest(std::vector<std::size_t> pool, const node_id& target, std::size_t n) const {
        std::ranges::sort(pool, [&](auto a, auto b) { return closer(target, peers_[a].who.id, peers_[b].who.id); });
        std::vector<contact> out;
        for (std::size_t i = 0; i < pool.size() && i < n; ++i) out.push_back(peers_[pool[i]].who);
        return out;
    }

    /// Contacts nearer to the target than anybody real, at places where nobody is.
    std::vector<contact> invented(const node_id& target, prng& random) const {
        std::vector<contact> out;
        for (std::size_t i = 0; i < k_; ++i) {
            const auto id = test::id_sharing(target, 30, random);
            out.push_back(
                test::server_at(id, test::public_address(static_cast<std::uint32_t>(random.below(1U << 20U)))));
        }
        return out;
    }

    std::size_t k_;
    std::vector<peer> peers_;
    std::unordered_map<node_id, std::size_t> index_;
};

/// Runs one lookup over a world in virtual time, and checks at every step what must hold.
class walk {
public:
    walk(const world& around, const peer& asker, const node_id& target, const shortlist_config& config, prng& random)
        : around_(around),
          config_(config),
          random_(random),
          own_(asker.who.id),
          list_(target, asker.who.id, around.seeds_of(asker, target), config) {}

    /// Until the lookup has finished.
    void run() {
        ask();
        while (!list_.finished()) {
            // The next end of a request, or the moment when the lookup wants to be asked again.
            const auto wake = list_.next_wake();
            REQUIRE((wake.has_value() || !events_.empty()));
            if (wake && (events_.empty() || *wake < events_.begin()->first)) {
                REQUIRE(*wake > now_);
                now_ = *wake;
            } else {
                now_ = events_.begin()->first;
                const auto asked = events_.begin()->second;
                events_.erase(events_.begin());
                end_request(asked);
            }
            ask();
            REQUIRE(++steps_ < 20'000);
        }
        REQUIRE_FALSE(list_.next(now_).has_value());
    }

    const list_type& list() const { return list_; }
    steady_time now() const { return now_; }

private:
    void ask() {
        while (auto request = list_.next(now_)) {
            const auto& id = request->to.id;
            REQUIRE(id != own_);
            REQUIRE(request->path < config_.paths);
            REQUIRE(request->deadline == now_ + config_.hard_timeout);
            REQUIRE(asked_on_.emplace(id, request->path).first->second == request->path);
            in_flight_[id] = {now_, request->path};
            check_bounds(request->path);
            schedule(*request);
        }
    }

    void schedule(const list_type::request& request) {
        const auto* to = around_.find(request.to.id);
        const bool real = to != nullptr && to->who.addresses == request.to.addresses;
        const auto latency = 20ms + std::chrono::milliseconds(random_.below(180));
        const bool slow = random_.below(20) == 0;
        if (!real || to->does == behaviour::gone) {
            // Half of the places where nobody is refuse at once, the other half says nothing.
            if (random_.below(2) == 0) events_.emplace(now_ + latency, request.to);
        } else if (to->does != behaviour::silent) {
            events_.emplace(now_ + latency + (slow ? 3s : 0s), request.to);
        }
    }

    void end_request(const contact& asked) {
        const auto* to = around_.find(asked.id);
        const auto at = in_flight_.find(asked.id);
        const bool late = now_ - at->second.first >= config_.hard_timeout;
        in_flight_.erase(at);
        bool taken = false;
        if (to == nullptr || to->does == behaviour::gone) {
            taken = list_.on_failure(asked, lookup_failure::unreachable);
        } else {
            taken = list_.on_answer(asked, to->who.addresses[0], around_.answer(*to, list_.target(), random_));
        }
        REQUIRE(taken == !late);
    }

    void check_bounds(std::size_t path) {
        std::size_t quick = 0;
        std::size_t all = 0;
        std::erase_if(in_flight_, [&](const auto& each) { return now_ - each.second.first >= config_.hard_timeout; });
        for (const auto& [id, request] : in_flight_) {
            if (request.second != path) continue;
            ++all;
            quick += now_ - request.first < config_.soft_timeout ? 1 : 0;
        }
        REQUIRE(quick <= config_.alpha);
        REQUIRE(all <= config_.waiting_max);
        REQUIRE(list_.waiting() == in_flight_.size());
        const auto& report = list_.report();
        REQUIRE(report.asked <= config_.requests_max);
        REQUIRE(report.asked ==
                report.answered + report.timed_out + report.invalid + report.unreachable + list_.waiting());
        REQUIRE(list_.known() <= config_.paths * config_.candidates_max + config_.requests_max);
    }

    const world& around_;
    shortlist_config config_;
    prng& random_;
    node_id own_;
    list_type list_;
    steady_time now_{1h};
    std::multimap<steady_time, contact> events_;
    std::map<node_id, std::size_t> asked_on_;
    std::map<node_id, std::pair<steady_time, std::size_t>> in_flight_;
    int steps_ = 0;
};

/// Means over many lookups.
struct score {
    double recall = 0;   // share of the honest ones among the k nearest peers that closest() has
    double success = 0;  // share of lookups in which it has most of them
    double asked = 0;
    double hops = 0;
};

score measure(const world& around, const shortlist_config& config, int lookups, prng& random) {
    score out;
    int measured = 0;
    for (int i = 0; i < lookups; ++i) {
        const auto& asker = around.some(random);
        const auto target = test::random_id(random);
        walk w(around, asker, target, config, random);
        w.run();
        const auto truth = around.nearest_honest(target, asker.who.id);
        if (truth.empty()) continue;
        ++measured;
        const auto found = w.list().closest(config.k);
        const auto hit =
            std::ranges::count_if(truth, [&](const contact& c) { return std::ranges::find(found, c) != found.end(); });
        const auto recall = static_cast<double>(hit) / static_cast<double>(truth.size());
        out.recall += recall;
        out.success += recall >= 0.5 ? 1.0 : 0.0;
        out.asked += static_cast<double>(w.list().report().asked);
        out.hops += static_cast<double>(w.list().report().hops);
    }
    for (double* sum : {&out.recall, &out.success, &out.asked, &out.hops}) *sum /= measured;
    return out;
}

shortlist_config with_paths(std::size_t paths, std::size_t k = 20) {
    shortlist_config config;
    config.k = k;
    config.heard_max = k;
    config.paths = paths;
    return config;
}

}  // namespace

TEST_CASE("a lookup finds exactly the nearest where peers know them", "[shortlist][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 30; ++round) {
        // With k of all others in each bucket and at most k of them, everybody knows everybody.
        const auto size = 2 + static_cast<std::size_t>(random.below(20));
        const world around(size, 20, random);
        const auto& asker = around.some(random);
        const auto target = test::random_id(random);
        const auto paths = 1 + static_cast<std::size_t>(random.below(4));
        CAPTURE(round, size, paths);
        walk w(around, asker, target, with_paths(paths), random);
        w.run();
        REQUIRE(w.list().closest(20) == around.nearest_honest(target, asker.who.id));
    }
}

TEST_CASE("a lookup in a large network finds the nearest in few hops", "[shortlist][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    const world around(1'000, 20, random);
    for (const std::size_t paths : {std::size_t{1}, std::size_t{3}}) {
        const auto got = measure(around, with_paths(paths), 100, random);
        CAPTURE(paths, got.recall, got.asked, got.hops);
        CHECK(got.recall > 0.99);
        CHECK(got.hops < 6);
        CHECK(got.asked < 60 * static_cast<double>(paths));
    }
}

TEST_CASE("a lookup passes by peers that left or say nothing", "[shortlist][property]") {
    const auto seed = test::property_seed();
    const auto how = GENERATE(behaviour::gone, behaviour::silent);
    CAPTURE(seed, static_cast<int>(how));
    prng random(seed);
    world around(1'000, 20, random);
    around.spoil(0.3, how, random);
    const auto got = measure(around, with_paths(1), 60, random);
    CAPTURE(got.recall, got.asked, got.hops);
    // Nobody has repaired his table here: of those named to the lookup, as many have left as of all.
    CHECK(got.recall > 0.85);
}

TEST_CASE("liars do not keep a lookup from its target", "[shortlist][property]") {
    const auto seed = test::property_seed();
    const auto how = GENERATE(behaviour::invents, behaviour::colludes);
    CAPTURE(seed, static_cast<int>(how));
    prng random(seed);
    world around(1'000, 20, random);
    around.spoil(0.2, how, random);
    const auto got = measure(around, with_paths(3), 60, random);
    CAPTURE(got.recall, got.success, got.asked);
    CHECK(got.success > 0.97);
    CHECK(got.recall > 0.97);
}

TEST_CASE("disjoint paths pass liars that a single path falls for", "[shortlist][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    // With a small k few peers are asked, and those that name only their accomplices often are all of them.
    constexpr std::size_t k = 4;
    world around(2'000, k, random);
    around.spoil(0.2, behaviour::colludes, random);
    const auto one = measure(around, with_paths(1, k), 300, random);
    const auto three = measure(around, with_paths(3, k), 300, random);
    CAPTURE(one.success, one.asked, three.success, three.asked);
    CHECK(three.success > 0.92);
    CHECK(three.success > one.success);
}

TEST_CASE("any lookup ends within its bounds", "[shortlist][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 150; ++round) {
        const auto k = 1 + static_cast<std::size_t>(random.below(20));
        world around(2 + static_cast<std::size_t>(random.below(150)), k, random);
        for (const auto how : {behaviour::silent, behaviour::gone, behaviour::invents, behaviour::colludes}) {
            around.spoil(random.unit() * 0.4, how, random);
        }
        auto config = with_paths(1 + static_cast<std::size_t>(random.below(shortlist_config::paths_max)), k);
        config.alpha = 1 + static_cast<std::size_t>(random.below(5));
        config.waiting_max = config.alpha + static_cast<std::size_t>(random.below(5));
        config.requests_max = 1 + static_cast<std::size_t>(random.below(300));
        config.candidates_max = 1 + static_cast<std::size_t>(random.below(60));
        if (random.below(2) == 0) config.stop_after_unimproved = 1 + static_cast<std::size_t>(random.below(5));
        CAPTURE(round, k, config.paths, config.alpha, config.requests_max);
        walk w(around, around.some(random), test::random_id(random), config, random);
        w.run();
        // Virtual time: every request ends within the hard timeout, so the whole ends too.
        REQUIRE(w.now() < steady_time(1h) + static_cast<std::int64_t>(config.requests_max + 1) * config.hard_timeout);
        for (const auto& c : w.list().closest(k)) REQUIRE(around.find(c.id) != nullptr);
    }
}
