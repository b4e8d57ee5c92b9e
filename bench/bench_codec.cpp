// What it costs to turn messages into bytes and back.
#include <benchmark/benchmark.h>

#include <mydht/wire/codec.hpp>

#include "samples.hpp"

namespace mydht::bench {
namespace {

wire::envelope make_ping() {
    wire::envelope out;
    out.id = 1;
    out.body = wire::ping();
    return out;
}

wire::envelope make_find_node() {
    prng random(1);
    wire::find_node ask;
    ask.target = random_id(random);
    ask.kinds = wire::mask_of(address_kind::tcp);
    wire::envelope out;
    out.id = 2;
    out.body = ask;
    return out;
}

wire::envelope make_nodes() {
    prng random(2);
    wire::nodes answer;
    for (std::uint32_t i = 0; i < 20; ++i) answer.contacts.push_back(sample_contact(i, random));
    wire::envelope out;
    out.id = 3;
    out.body = std::move(answer);
    return out;
}

wire::envelope make_values() {
    prng random(3);
    item one;
    one.kind = item_kind::mutable_value;
    one.body.resize(limits::inline_value_bytes);
    for (auto& byte : one.body) byte = static_cast<std::uint8_t>(random.below(256));
    wire::values answer;
    answer.items.push_back(std::move(one));
    wire::envelope out;
    out.id = 4;
    out.body = std::move(answer);
    return out;
}

using maker = wire::envelope (*)();

void report_bytes(benchmark::State& state, std::size_t encoded) {
    state.SetBytesProcessed(static_cast<std::int64_t>(encoded) * state.iterations());
    state.counters["message_bytes"] = static_cast<double>(encoded);
}

void encode(benchmark::State& state, maker make) {
    const auto what = make();
    const auto codec = wire::capnp_codec();
    bytes out;
    for (auto _ : state) {
        out.clear();
        if (!codec.encode(what, out)) return state.SkipWithError("the message does not encode");
        benchmark::DoNotOptimize(out.data());
    }
    report_bytes(state, out.size());
}

void decode(benchmark::State& state, maker make) {
    const auto codec = wire::capnp_codec();
    bytes encoded;
    if (!codec.encode(make(), encoded)) return state.SkipWithError("the message does not encode");
    for (auto _ : state) {
        auto read = codec.decode(encoded);
        if (!read) return state.SkipWithError("the message does not decode");
        benchmark::DoNotOptimize(read->id);
    }
    report_bytes(state, encoded.size());
}

BENCHMARK_CAPTURE(encode, ping, &make_ping);
BENCHMARK_CAPTURE(decode, ping, &make_ping);
BENCHMARK_CAPTURE(encode, find_node, &make_find_node);
BENCHMARK_CAPTURE(decode, find_node, &make_find_node);
BENCHMARK_CAPTURE(encode, nodes_20, &make_nodes);
BENCHMARK_CAPTURE(decode, nodes_20, &make_nodes);
BENCHMARK_CAPTURE(encode, values_64k, &make_values);
BENCHMARK_CAPTURE(decode, values_64k, &make_values);

}  // namespace
}  // namespace mydht::bench
