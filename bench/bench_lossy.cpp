// What lossy links do to messages, streams and small requests over datagrams: two peers in a simulated network, in
// virtual time. Prints tables, not counters of Google Benchmark: no processor's time is in the figures, and each of
// them replays from its seed. --smoke: a few lines, once each.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <mydht/core/limits.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/runtime/task_group.hpp>
#include <mydht/session/session_pool.hpp>
#include <mydht/sim/network.hpp>
#include <mydht/sim/world.hpp>

namespace mydht::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t line_bits_per_second = 100'000'000;
/// What is not done by then has failed.
constexpr auto patience = 600s;
constexpr std::size_t stream_bytes = 4 * 1024 * 1024;

struct line {
    std::uint32_t loss_percent = 0;
    std::chrono::milliseconds round_trip{};
    bool unruly = false;  ///< 2 % of the packets are late, 2 % come twice
};

enum class load { stores_64k, values_64k, stores_1m, values_1m, stream_4m };
constexpr std::array all_loads{load::stores_64k, load::values_64k, load::stores_1m, load::values_1m, load::stream_4m};

/// Items in all, each of them 64 KiB; one less than a mebibyte of them in one answer leaves room for what is around
/// them.
std::size_t items_of(load what) {
    switch (what) {
        case load::stores_64k:
        case load::values_64k: return 1;
        case load::stores_1m: return 16;
        case load::values_1m: return 15;
        case load::stream_4m: break;
    }
    return 0;
}

std::size_t payload_of(load what) {
    return what == load::stream_4m ? stream_bytes : items_of(what) * limits::inline_value_bytes;
}

item some_item() {
    item out;
    out.body = bytes(limits::inline_value_bytes, 7);
    return out;
}

task<wire::message> answer(std::size_t items, wire::message what) {
    if (std::holds_alternative<wire::store>(what)) co_return wire::stored();
    if (!std::holds_alternative<wire::find_value>(what)) co_return wire::pong();
    wire::values out;
    for (std::size_t i = 0; i < items; ++i) out.items.push_back(some_item());
    co_return out;
}

/// Answers find_value with so many items.
request_handler answering(std::size_t items) {
    return [items](peer_info, wire::message what) { return answer(items, std::move(what)); };
}

sim::network_config network_of(const line& how) {
    sim::network_config out;
    out.latency = sim::latency_model::constant(how.round_trip / 2);
    out.upload_bytes_per_second = line_bits_per_second / 8;
    out.loss_per_million = how.loss_percent * 10'000;
    if (how.unruly) {
        out.reorder_per_million = 20'000;
        out.duplicates_per_million = 20'000;
    }
    return out;
}

struct side {
    side(sim::world& world, const sim::network& network, std::size_t items)
        : index(world.add_node()),
          env(world.node_environment(index)),
          self(std::make_shared<const identity>(identity::generate(*env.secure_random))),
          pool(env, self, session_config(), answering(items), session_events()) {
        pool.add_transport(network.datagrams(index));
    }

    sim::node_index index;
    environment env;
    std::shared_ptr<const identity> self;
    session_pool pool;
};

struct two_sides {
    two_sides(std::uint64_t seed, const line& how, std::size_t items)
        : world(seed),
          network(world, network_of(how)),
          asker(world, network, items),
          asked(world, network, items),
          work(asker.env.exec, [](std::string_view, const std::exception_ptr&) {}) {}

    /// Packets of both so far. The network counts what arrives, its own duplicates among it.
    [[nodiscard]] double packets() const {
        const auto seen = network.counts();
        const auto twice = asker.pool.counters().packets_repeated + asked.pool.counters().packets_repeated;
        return static_cast<double>(seen.datagrams + seen.datagrams_lost - twice);
    }
    [[nodiscard]] double bytes_sent() const {
        return static_cast<double>(asker.pool.counters().bytes_sent + asked.pool.counters().bytes_sent);
    }
    [[nodiscard]] steady_time now() const { return world.now(); }

    sim::world world;
    sim::network network;
    side asker;
    side asked;
    task_group work;
};

/// A session that has carried one request.
task<session> begin(two_sides& both) {
    const auto at = co_await both.asked.pool.listen(both.network.datagram_address_of(both.asked.index, 4000));
    if (!at) throw std::runtime_error("listen: " + at.error().message());
    auto who = contact_of(both.asked.self->key(), 1, {*at});
    // A handshake may fail on a bad line; it is not what is measured.
    for (int tries = 0; tries < 20; ++tries) {
        auto link = co_await both.asker.pool.connect(who, both.now() + 30s);
        if (!link) continue;
        const auto answer = co_await link->request(wire::ping(), both.now() + 30s);
        if (answer) co_return *link;
    }
    throw std::runtime_error("no session");
}

task<> end(two_sides& both) {
    co_await both.asker.pool.stop(0s);
    co_await both.asked.pool.stop(0s);
}

task<> ask(session to, wire::message what, steady_time deadline, std::size_t& answered) {
    const auto answer = co_await to.request(std::move(what), deadline);
    if (!answer || std::holds_alternative<wire::error>(*answer)) co_return;
    ++answered;
}

task<> swallow(stream from) {
    bytes part(64 * 1024);
    for (;;) {
        const auto got = co_await from.read_some(part);
        if (!got) break;
    }
    (void)co_await from.finish();
}

/// Ends when the other side has read everything and said so.
task<bool> pour(session to) {
    auto opened = to.open_stream("bulk/1");
    if (!opened) co_return false;
    const bytes part(64 * 1024);
    for (std::size_t done = 0; done < stream_bytes; done += part.size()) {
        const auto written = co_await opened->write(part);
        if (!written) co_return false;
    }
    const auto finished = co_await opened->finish();
    if (!finished) co_return false;
    bytes word(1);
    const auto end = co_await opened->read_some(word);
    co_return !end && end.error() == errc::end_of_stream;
}

task<bool> carry(two_sides& both, session to, load what) {
    if (what == load::stream_4m) co_return co_await pour(to);
    const auto deadline = both.now() + patience;
    std::size_t answered = 0;
    if (what == load::values_64k || what == load::values_1m) {
        co_await ask(to, wire::find_value(), deadline, answered);
        co_return answered == 1;
    }
    wire::store request;
    request.what = some_item();
    for (std::size_t i = 0; i < items_of(what); ++i) both.work.spawn("store", ask(to, request, deadline, answered));
    co_await both.work.join();
    co_return answered == items_of(what);
}

struct outcome {
    bool done = false;
    double seconds = 0;
    double packets = 0;
    double bytes_sent = 0;
};

task<outcome> measure(two_sides& both, load what) {
    both.asked.pool.serve("bulk/1", swallow);
    auto link = co_await begin(both);
    const auto packets = both.packets();
    const auto sent = both.bytes_sent();
    const auto begun = both.now();
    outcome out;
    out.done = co_await carry(both, link, what);
    out.seconds = std::chrono::duration<double>(both.now() - begun).count();
    out.packets = both.packets() - packets;
    out.bytes_sent = both.bytes_sent() - sent;
    co_await end(both);
    co_return out;
}

/// In seconds, in order; who is not answered counts as the whole patience.
task<std::vector<double>> ask_often(two_sides& both, int count) {
    auto link = co_await begin(both);
    std::vector<double> out;
    for (int i = 0; i < count; ++i) {
        const auto begun = both.now();
        const auto answer = co_await link.request(wire::ping(), begun + patience);
        const auto took = answer ? both.now() - begun : duration(patience);
        out.push_back(std::chrono::duration<double>(took).count());
        co_await sleep_for(*both.asker.env.time, 5ms);
    }
    co_await end(both);
    std::ranges::sort(out);
    co_return out;
}

// --- tables ----------------------------------------------------------------------------------------------------------

std::vector<line> lines(bool smoke) {
    std::vector<line> out;
    for (const bool unruly : {false, true}) {
        for (const std::uint32_t loss : {0U, 1U, 5U, 20U}) {
            for (const auto round_trip : {10ms, 50ms, 200ms}) out.push_back({loss, round_trip, unruly});
        }
    }
    if (smoke) std::erase_if(out, [](const line& one) { return one.round_trip != 50ms; });
    return out;
}

std::string name_of(const line& how) {
    return std::to_string(how.loss_percent) + " % | " + std::to_string(how.round_trip.count()) + " ms | " +
           (how.unruly ? "yes" : "no");
}

double median(std::vector<double> of) {
    std::ranges::sort(of);
    return of[of.size() / 2];
}

struct cell {
    std::string seconds;
    std::string cost;
};

cell measure_all(const line& how, load what, std::uint64_t seeds) {
    std::vector<double> seconds;
    std::vector<double> packets;
    std::vector<double> overheads;
    std::size_t failed = 0;
    const auto payload = static_cast<double>(payload_of(what));
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        two_sides both(seed, how, items_of(what));
        const auto got = both.world.run(measure(both, what));
        if (!got.done) ++failed;
        seconds.push_back(got.seconds);
        packets.push_back(got.packets);
        overheads.push_back(got.bytes_sent / payload);
    }
    std::array<char, 100> text{};
    const auto usual = median(seconds);
    std::snprintf(text.data(), text.size(), " %.3g (%.3g)", usual, *std::ranges::max_element(seconds));
    cell out;
    out.seconds = text.data();
    if (failed != 0) out.seconds += ", " + std::to_string(failed) + " failed";
    std::snprintf(text.data(), text.size(), " %.3g; %.0f; %.2f", payload * 8 / 1e6 / usual, median(packets),
                  median(overheads));
    out.cost = text.data();
    return out;
}

void print_loads(bool smoke) {
    const std::uint64_t seeds = smoke ? 1 : 9;
    std::printf("Seeds 1 to %d. Virtual seconds, median (worst):\n\n", static_cast<int>(seeds));
    constexpr auto columns =
        "| 64 KiB request | 64 KiB answer | 16 requests of 64 KiB | 960 KiB answer | 4 MiB stream |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |\n";
    std::printf("| loss | round trip | unruly %s", columns);
    std::string costs;
    for (const auto& how : lines(smoke)) {
        std::string times = "| " + name_of(how) + " |";
        costs += times;
        for (const auto what : all_loads) {
            const auto got = measure_all(how, what, seeds);
            times += got.seconds + " |";
            costs += got.cost + " |";
        }
        std::printf("%s\n", times.c_str());
        std::fflush(stdout);
        costs += '\n';
    }
    std::printf(
        "\nMbit/s of payload; packets of both sides; bytes of their packets for each byte of payload, medians:\n\n");
    std::printf("| loss | round trip | unruly %s%s", columns, costs.c_str());
}

void print_requests(bool smoke) {
    const int count = smoke ? 100 : 2'000;
    std::printf("\n%d pings one after the other, seed 1, virtual milliseconds:\n\n", count);
    std::printf(
        "| loss | round trip | unruly | p50 | p95 | p99 | worst | sent again | packets a ping |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for (const auto& how : lines(smoke)) {
        two_sides both(1, how, 0);
        const auto times = both.world.run(ask_often(both, count));
        const auto at = [&](std::size_t percent) { return 1e3 * times[times.size() * percent / 100]; };
        std::printf("| %s | %.1f | %.1f | %.1f | %.1f | %d | %.2f |\n", name_of(how).c_str(), at(50), at(95), at(99),
                    1e3 * times.back(), static_cast<int>(both.asker.pool.counters().requests_repeated),
                    both.packets() / count);
        std::fflush(stdout);
    }
}

}  // namespace
}  // namespace mydht::bench

int main(int argc, char** argv) {
    const bool smoke = argc == 2 && std::string_view(argv[1]) == "--smoke";
    if (argc > 1 && !smoke) {
        std::fprintf(stderr, "usage: bench_lossy [--smoke]\n");
        return 2;
    }
    try {
        mydht::bench::print_loads(smoke);
        mydht::bench::print_requests(smoke);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_lossy: %s\n", error.what());
        return 1;
    }
    return 0;
}
