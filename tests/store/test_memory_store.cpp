#include <mydht/store/memory_store.hpp>

#include <stdexcept>
#include <tuple>

#include "store/store_conformance.hpp"
#include "store/store_support.hpp"
#include "support/catch.hpp"

using namespace mydht;
using namespace std::chrono_literals;
using namespace mydht::test;

namespace {

any_store make_memory_store(const store_limits& limits) { return any_store(memory_store(limits)); }

}  // namespace

TEST_CASE("memory_store is a store", "[store]") { check_store_conformance(make_memory_store); }

TEST_CASE("a store behind a store is a store", "[store]") {
    // Never fails: what is tested is that the wrapper of the fault sweeps changes nothing by itself.
    check_store_conformance([](const store_limits& limits) {
        return any_store(failing_store(any_store(memory_store(limits)), std::size_t{1'000'000}));
    });
}

TEST_CASE("limits of zero are refused", "[store]") {
    CHECK(check(store_limits{}).has_value());
    const auto refused = [](auto change) {
        store_limits limits;
        change(limits);
        CHECK(check(limits).error() == errc::bad_configuration);
        CHECK_THROWS_AS(memory_store(limits), std::invalid_argument);
    };
    refused([](store_limits& limits) { limits.bytes_max = 0; });
    refused([](store_limits& limits) { limits.peer_bytes_max = 0; });
    refused([](store_limits& limits) { limits.prefix_bytes_max = 0; });
    refused([](store_limits& limits) { limits.cached_bytes_max = 0; });
    refused([](store_limits& limits) { limits.cached_peer_bytes_max = 0; });
    refused([](store_limits& limits) { limits.cached_prefix_bytes_max = 0; });
    refused([](store_limits& limits) { limits.page_bytes = 0; });
    refused([](store_limits& limits) { limits.forwarded.bytes_max = 0; });
    refused([](store_limits& limits) { limits.forwarded.peer_bytes_max = 0; });
    refused([](store_limits& limits) { limits.forwarded.prefix_bytes_max = 0; });
}

TEST_CASE("an entry is made of a value as a holder keeps it", "[store]") {
    const auto made = value::immutable("hello").with_deadline(noon + 48h + 5min);
    const store_entry entry(made, noon);
    CHECK(entry.key == made.key());
    CHECK(entry.what == made.to_item());
    CHECK(entry.order == rank_of(made));
    CHECK(entry.keep_until == noon + 48h);
    CHECK(entry.stored_at == noon);
    CHECK(entry.pool == store_pool::direct);
    CHECK_FALSE(entry.origin_peer.has_value());

    sync_store store(make_memory_store({}));
    CHECK(store.put(entry)->effect == put_effect::created);
    // The same value again an hour later: the cap moves with the receipt, up to the deadline.
    CHECK(store.put(store_entry(made, noon + 1h), noon + 1h)->keep_until == made.deadline());
    CHECK(store.put(store_entry(value::immutable("hello").with_deadline(noon + 1h), noon))->effect ==
          put_effect::unchanged);
}

TEST_CASE("any_store is empty until it is given a store, and moves", "[store]") {
    any_store store;
    CHECK_FALSE(store);
    store = any_store(memory_store());
    REQUIRE(store);
    REQUIRE(run(store.put(make_entry(1), std::nullopt, noon)).has_value());
    any_store moved(std::move(store));
    CHECK(run(moved.get(numbered_id(1), noon))->size() == 1);
}

TEST_CASE("an await begun before the store's handle moved ends well", "[store]") {
    any_store store{memory_store()};
    auto begun = store.put(make_entry(1), std::nullopt, noon);
    any_store moved(std::move(store));
    CHECK(run(std::move(begun)).has_value());
    CHECK(run(moved.get(numbered_id(1), noon))->size() == 1);
}

TEST_CASE("a store that fails at any operation has changed nothing by it", "[store]") {
    for (std::size_t n = 0;; ++n) {
        failing_store inner(memory_store(), n);
        const bool& failed = inner.failed();
        sync_store store{any_store(std::move(inner))};
        CAPTURE(n);

        std::map<id256, store_entry> acknowledged;
        for (std::uint64_t key = 1; key <= 6; ++key) {
            const auto entry = from_peer(make_entry(key % 4, key), key, 1);
            const auto put = store.put(entry);
            if (put) {
                acknowledged[entry.key] = entry;
            } else {
                CHECK(put.error() == errc::store_failed);
            }
            std::ignore = run(store.inner().get(entry.key, noon));
            std::ignore = run(store.inner().list({}, 2));
        }
        if (const auto gone = run(store.inner().erase(numbered_id(1)))) acknowledged.erase(numbered_id(1));
        std::ignore = run(store.inner().expire(noon, 1));
        std::ignore = run(store.inner().usage());

        const bool swept = !failed;
        if (swept) {
            CHECK(n > 20);
            break;
        }
        CHECK(store.all() == acknowledged);
        CHECK(store.usage().entries == acknowledged.size());
    }
}
