// What it costs to turn messages into bytes and back, in every codec. Each takes turns with Cap'n Proto and with a copy
// of its own bytes, so that the ratios compare what ran under the same load of the machine.
#include <time.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include <mydht/wire/codec.hpp>

#include "allocations.hpp"
#include "samples.hpp"

namespace mydht::bench {
namespace {

wire::envelope envelope_of(wire::message body) {
    wire::envelope out;
    out.id = 77;
    out.body = std::move(body);
    return out;
}

wire::envelope make_ping(prng&) { return envelope_of(wire::ping()); }

wire::envelope make_nodes(prng& random) {
    wire::nodes answer;
    for (std::uint32_t i = 0; i < 20; ++i) {
        answer.contacts.push_back(sample_contact(i, random));
    }
    return envelope_of(std::move(answer));
}

template <std::size_t Bytes>
wire::envelope make_values(prng& random) {
    item one;
    one.kind = item_kind::mutable_value;
    one.deadline = wall_time(std::chrono::hours(24));
    one.body.resize(Bytes);
    for (auto& byte : one.body) byte = static_cast<std::uint8_t>(random.below(256));
    for (auto& byte : one.sig.data()) byte = static_cast<std::uint8_t>(random.below(256));
    wire::values answer;
    answer.items.push_back(std::move(one));
    return envelope_of(std::move(answer));
}

struct sample {
    std::string_view name;
    wire::envelope (*make)(prng&);
    std::size_t batch;        ///< operations in a row: long enough for the clock, soon the others' turn
    std::size_t variety = 1;  ///< so many different messages in turn
};

/// In `new_20` no contact comes again before thousands of others have come; in `nodes_20` the same come every time, as
/// they do when a lookup asks one neighbour after the other.
constexpr sample samples[] = {
    {"ping", &make_ping, 2048},
    {"nodes_20", &make_nodes, 256},
    {"new_20", &make_nodes, 256, 2048},
    {"value_1k", &make_values<1024>, 512},
    {"value_64k", &make_values<65536>, 16},
};

double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// The messages of a sample, in one codec.
class encoded {
public:
    encoded(const sample& of, wire::any_codec codec) : codec_(codec) {
        prng random(1);
        for (std::size_t i = 0; i < of.variety; ++i) {
            messages_.push_back(of.make(random));
            usable_ = codec_.encode(messages_.back(), data_.emplace_back()).has_value() && usable_;
        }
        place_.resize(data_.front().size());
    }

    bool encode_next() {
        place_.clear();
        const bool fine = codec_.encode(messages_[step()], place_).has_value();
        benchmark::DoNotOptimize(place_.data());
        return fine;
    }

    bool decode_next() {
        const auto got = codec_.decode(data_[step()]);
        benchmark::DoNotOptimize(got);
        return got.has_value();
    }

    bool copy_next() {
        const auto& from = data_[step()];
        std::memcpy(place_.data(), from.data(), std::min(from.size(), place_.size()));
        benchmark::ClobberMemory();
        return true;
    }

    [[nodiscard]] bool usable() const noexcept { return usable_; }
    [[nodiscard]] std::size_t size() const noexcept { return data_.front().size(); }

private:
    std::size_t step() noexcept { return at_ = (at_ + 1) % data_.size(); }

    wire::any_codec codec_;
    std::vector<wire::envelope> messages_;
    std::vector<bytes> data_;
    bytes place_;
    std::size_t at_ = 0;
    bool usable_ = true;
};

using operation = bool (encoded::*)();

/// The seconds of `count` operations; adds to `failed` how many did not succeed.
double take_turn(encoded& on, operation what, std::size_t count, std::size_t& failed) {
    const auto began = cpu_seconds();
    for (std::size_t i = 0; i < count; ++i) failed += (on.*what)() ? 0 : 1;
    return cpu_seconds() - began;
}

/// The column CPU is of the codec alone.
void measure(benchmark::State& state, const sample& of, wire::any_codec codec, operation what) {
    encoded own(of, codec);
    encoded reference(of, wire::capnp_codec());
    if (!own.usable() || !reference.usable()) return state.SkipWithError("a message does not encode");
    std::size_t failed = 0;
    // Everything once, for the caches.
    take_turn(own, what, of.batch, failed);
    take_turn(reference, what, of.batch, failed);

    double spent = 0;
    double reference_spent = 0;
    double copying_spent = 0;
    std::uint64_t allocated = 0;
    while (state.KeepRunningBatch(static_cast<std::int64_t>(of.batch))) {
        const auto allocated_before = bench::allocations();
        spent += take_turn(own, what, of.batch, failed);
        allocated += bench::allocations() - allocated_before;
        state.PauseTiming();
        reference_spent += take_turn(reference, what, of.batch, failed);
        copying_spent += take_turn(own, &encoded::copy_next, of.batch, failed);
        state.ResumeTiming();
    }
    if (failed > 0) return state.SkipWithError("a message was refused");
    const auto count = static_cast<double>(state.iterations());
    state.counters["bytes"] = static_cast<double>(own.size());
    state.counters["allocations"] = static_cast<double>(allocated) / count;
    state.counters["copy_ns"] = copying_spent / count * 1e9;
    state.counters["capnp_ns"] = reference_spent / count * 1e9;
    state.counters["to_capnp"] = spent / reference_spent;
}

void add(const char* name, operation what) {
    for (const auto& of : samples) {
        for (const auto& codec : wire::all_codecs()) {
            const auto label = std::string(name) + "/" + std::string(of.name) + "/" + std::string(codec.name());
            benchmark::RegisterBenchmark(
                label.c_str(), [&of, codec, what](benchmark::State& state) { measure(state, of, codec, what); });
        }
    }
}

[[maybe_unused]] const bool added = [] {
    add("encode", &encoded::encode_next);
    add("decode", &encoded::decode_next);
    return true;
}();

}  // namespace
}  // namespace mydht::bench
