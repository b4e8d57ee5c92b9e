#include <mydht/routing/kbucket_table.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "support/catch.hpp"
#include "support/contacts.hpp"
#include "support/seed.hpp"

using namespace mydht;

namespace {

using table_type = kbucket_table<node_id, contact>;

/// Drives a table with random operations and checks after each what must hold whatever came before.
class storm {
public:
    storm(std::uint64_t seed, const kbucket_config& config)
        : random_(seed), own_(test::random_id(random_)), config_(config), table_(own_, config) {
        for (std::uint32_t i = 0; i < 400; ++i) peers_.push_back(make_peer(i));
    }

    void step() {
        now_ += duration(static_cast<std::int64_t>(random_.below(2'000'000'000)));
        const auto choice = random_.below(100);
        if (choice < 60) {
            offer();
        } else if (choice < 70) {
            table_.answered(some_peer().id, now_);
        } else if (choice < 85) {
            table_.request_failed(some_peer().id);
        } else if (choice < 95) {
            end_ping();
        } else {
            const auto& gone = some_peer();
            const bool was_there = table_.find(gone.id) != nullptr;
            REQUIRE(table_.remove(gone.id) == was_there);
            REQUIRE(table_.find(gone.id) == nullptr);
        }
        check_invariants();
        if (random_.below(10) == 0) check_closest();
    }

    std::size_t most_in_table() const { return most_in_table_; }
    std::size_t pings() const { return pings_; }
    std::size_t cap_refusals() const { return cap_refusals_; }

private:
    contact make_peer(std::uint32_t number) {
        // Small numbers of shared bits are common, so far buckets overflow, and near ones are hardly filled.
        const auto shared = static_cast<std::size_t>(random_.below(12));
        return test::server_at(test::id_sharing(own_, shared, random_), random_address(number));
    }

    address random_address(std::uint32_t number) {
        const auto kind = random_.below(10);
        if (kind == 0) return address::memory("peer-" + std::to_string(random_.below(60))).value();
        const auto last = static_cast<std::uint8_t>(random_.below(256));
        if (kind <= 3) return address::ipv4(address_kind::tcp, {1, 2, static_cast<std::uint8_t>(kind), last}, 4000);
        if (kind == 4) return address::ipv4(address_kind::tcp, {127, 0, 0, 1}, 4000);
        return test::public_address(number % 150);
    }

    contact& some_peer() { return peers_[static_cast<std::size_t>(random_.below(peers_.size()))]; }

    void offer() {
        auto& peer = some_peer();
        if (random_.below(5) == 0) peer.addresses = {random_address(static_cast<std::uint32_t>(random_.below(400)))};
        if (random_.below(40) == 0) peer.capabilities ^= static_cast<std::uint32_t>(capability::server);
        const bool known = table_.find(peer.id) != nullptr;
        const auto size = table_.size();
        const auto priority = static_cast<std::uint8_t>(random_.below(10) == 0 ? random_.below(3) : 0);
        const auto outcome = table_.insert_verified(peer, peer.addresses[0], now_, priority);
        const auto* found = table_.find(peer.id);
        CAPTURE(known, static_cast<int>(outcome.status), static_cast<int>(outcome.why));
        REQUIRE((outcome.status == insert_status::refused) == (outcome.why != refusal::none));
        REQUIRE((outcome.status == insert_status::ping) == outcome.to_ping.has_value());
        switch (outcome.status) {
            case insert_status::inserted: REQUIRE((!known && found != nullptr && table_.size() <= size + 1)); break;
            case insert_status::updated: REQUIRE((known && table_.size() == size)); break;
            case insert_status::ping:
                ++pings_;
                pinged_.push_back(outcome.to_ping->id);
                REQUIRE(now_ - table_.find(outcome.to_ping->id)->last_seen >= config_.ping_after);
                [[fallthrough]];
            case insert_status::cached:
                // One that is known may sink, and give its place to one that waits with a higher priority.
                REQUIRE(found == nullptr);
                REQUIRE(table_.bucket_size(table_.bucket_of(peer.id)) == config_.k);
                REQUIRE(table_.replacement_count(table_.bucket_of(peer.id)) > 0);
                break;
            case insert_status::refused:
                cap_refusals_ += outcome.why >= refusal::subnet_in_bucket ? 1 : 0;
                REQUIRE((found != nullptr) == (known && outcome.why != refusal::client));
                break;
        }
        if (outcome.status <= insert_status::updated) {
            REQUIRE(found->contact == peer);
            REQUIRE(found->last_seen == now_);
            REQUIRE(found->failures == 0);
            REQUIRE(found->priority == priority);
        }
    }

    void end_ping() {
        if (pinged_.empty()) return;
        const auto id = pinged_.back();
        pinged_.pop_back();
        if (random_.below(2) == 0) {
            table_.answered(id, now_);
        } else {
            table_.ping_failed(id);
        }
    }

    void check_invariants() {
        std::set<node_id> ids;
        std::map<bytes, std::size_t> in_table;
        std::map<std::pair<std::size_t, bytes>, std::size_t> in_bucket;
        std::map<std::size_t, std::size_t> others;
        std::map<std::size_t, steady_time> last;
        table_.for_each([&](const auto& e) {
            const auto index = table_.bucket_of(e.contact.id);
            REQUIRE(e.contact.id != own_);
            REQUIRE(ids.insert(e.contact.id).second);
            REQUIRE(e.last_seen <= now_);
            REQUIRE(last[index] <= e.last_seen);
            last[index] = e.last_seen;
            // In this test the claimed address is the observed one.
            const auto& at = e.contact.addresses.at(0);
            if (config_.exempt_local && scope_of(at) != address_scope::global) return;
            REQUIRE(++in_table[network_prefix(at)] <= config_.subnet_in_table);
            REQUIRE(++in_bucket[{index, network_prefix(at)}] <= config_.subnet_in_bucket);
            if (!at.is_ip() && config_.speaks_ip) REQUIRE(++others[index] <= config_.k / 2);
        });
        REQUIRE(ids.size() == table_.size());
        most_in_table_ = std::max(most_in_table_, ids.size());
        for (std::size_t i = 0; i < table_.bucket_count(); ++i) {
            REQUIRE(table_.bucket_size(i) <= config_.k);
            REQUIRE(table_.replacement_count(i) <= config_.replacements);
        }
    }

    void check_closest() {
        const auto target = random_.below(2) == 0 ? test::random_id(random_) : some_peer().id;
        std::vector<contact> good;
        std::vector<contact> bad;
        table_.for_each([&](const auto& e) { (table_.is_bad(e) ? bad : good).push_back(e.contact); });
        auto& expected = good.empty() ? bad : good;
        std::ranges::sort(
            expected, [&](const auto& a, const auto& b) { return distance(a.id, target) < distance(b.id, target); });
        for (const std::size_t n : {std::size_t{1}, config_.k, std::size_t{1000}}) {
            const auto wanted = std::min(n, expected.size());
            const std::vector<contact> nearest(expected.begin(),
                                               expected.begin() + static_cast<std::ptrdiff_t>(wanted));
            REQUIRE(table_.closest(target, n) == nearest);
        }
    }

    prng random_;
    node_id own_;
    kbucket_config config_;
    table_type table_;
    std::vector<contact> peers_;
    std::vector<node_id> pinged_;
    steady_time now_{std::chrono::hours(1)};
    std::size_t most_in_table_ = 0;
    std::size_t pings_ = 0;
    std::size_t cap_refusals_ = 0;
};

}  // namespace

TEST_CASE("random operations keep the table's invariants", "[kbucket][property]") {
    const auto seed = test::property_seed();
    const std::size_t k = GENERATE(1U, 4U, 20U);
    const bool local = GENERATE(false, true);
    CAPTURE(seed, k, local);
    kbucket_config config;
    config.k = k;
    config.exempt_local = local;
    config.speaks_ip = !local;
    storm s(seed, config);
    for (int i = 0; i < 10'000; ++i) s.step();
    // The operations reached what they are meant to test.
    CHECK(s.most_in_table() > 5 * k);
    CHECK(s.cap_refusals() > 10);
    if (k < 20) CHECK(s.pings() > 10);
}

TEST_CASE("closest is exact in tables of every depth", "[kbucket][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 50; ++round) {
        const auto own = test::random_id(random);
        table_type table(own, kbucket_config());
        const auto count = random.below(300);
        const auto depth = 1 + random.below(60);
        std::vector<node_id> in;
        for (std::uint32_t i = 0; i < count; ++i) {
            const auto shared = static_cast<std::size_t>(random.below(depth));
            const auto at = test::public_address(i);
            const auto c = test::server_at(test::id_sharing(own, shared, random), at);
            if (table.insert_verified(c, at, steady_time()).status == insert_status::inserted) in.push_back(c.id);
        }
        for (int ask = 0; ask < 20; ++ask) {
            auto target = test::random_id(random);
            if (ask == 0) target = own;
            if (ask > 10) target = test::id_sharing(own, static_cast<std::size_t>(random.below(60)), random);
            std::ranges::sort(in, [&](const auto& a, const auto& b) { return closer(target, a, b); });
            const auto n = static_cast<std::size_t>(random.below(40));
            std::vector<node_id> got;
            for (const auto& c : table.closest(target, n)) got.push_back(c.id);
            const auto wanted = static_cast<std::ptrdiff_t>(std::min(n, in.size()));
            REQUIRE(got == std::vector(in.begin(), in.begin() + wanted));
        }
    }
}
