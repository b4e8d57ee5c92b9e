// What signatures, handshakes and records cost.
#include <string_view>

#include <benchmark/benchmark.h>

#include <mydht/crypto/identity.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/crypto/noise.hpp>
#include <mydht/crypto/random.hpp>

namespace mydht::bench {
namespace {

void node_id_of_key(benchmark::State& state) {
    system_random random;
    const auto self = identity::generate(random);
    for (auto _ : state) benchmark::DoNotOptimize(node_id_of(self.key()));
}

void sign(benchmark::State& state) {
    system_random random;
    const auto self = identity::generate(random);
    const bytes body(static_cast<std::size_t>(state.range(0)), 7);
    for (auto _ : state) benchmark::DoNotOptimize(self.sign("mutable", body));
}

void verify(benchmark::State& state) {
    system_random random;
    const auto self = identity::generate(random);
    const bytes body(static_cast<std::size_t>(state.range(0)), 7);
    const auto sig = self.sign("mutable", body);
    for (auto _ : state) {
        if (!mydht::verify(self.key(), "mutable", body, sig)) return state.SkipWithError("the signature is wrong");
    }
}

noise::handshake make_side(const noise::protocol& which, noise::role side, const noise::key_pair& keys,
                           random_source& random, const noise::dh& agreement) {
    noise::handshake_config config(which, side);
    config.prologue = as_bytes("mydht/1");
    config.static_keys = &keys;
    config.random = &random;
    config.agreement = &agreement;
    return noise::handshake::create(config).value();
}

bool pass(noise::handshake& from, noise::handshake& to, bytes_view payload) {
    const auto message = from.write(payload);
    return message && to.read(*message);
}

/// Both ends of a Noise XX handshake, ephemeral keys and the split included, from known static keys.
void handshake_xx(benchmark::State& state, const noise::dh& agreement) {
    system_random random;
    const auto which = noise::protocol::parse("Noise_XX_25519_ChaChaPoly_BLAKE2b").value();
    const auto alice = agreement.static_key_of(identity::generate(random));
    const auto bob = agreement.static_key_of(identity::generate(random));
    const bytes payload(64, 1);
    for (auto _ : state) {
        auto dialler = make_side(which, noise::role::initiator, alice, random, agreement);
        auto dialled = make_side(which, noise::role::responder, bob, random, agreement);
        const bool passed =
            pass(dialler, dialled, {}) && pass(dialled, dialler, payload) && pass(dialler, dialled, payload);
        if (!passed || !dialler.split() || !dialled.split()) return state.SkipWithError("the handshake failed");
    }
}

noise::cipher make_cipher() {
    secret<32> zeros;
    return noise::cipher(std::move(zeros));
}

void seal(benchmark::State& state) {
    auto cipher = make_cipher();
    const bytes plain(static_cast<std::size_t>(state.range(0)), 3);
    bytes out(plain.size() + noise::tag_bytes);
    for (auto _ : state) {
        if (!cipher.seal({}, plain, out)) return state.SkipWithError("seal failed");
        benchmark::DoNotOptimize(out.data());
    }
    state.SetBytesProcessed(state.range(0) * state.iterations());
}

void open(benchmark::State& state) {
    auto cipher = make_cipher();
    bytes plain(static_cast<std::size_t>(state.range(0)), 3);
    bytes sealed(plain.size() + noise::tag_bytes);
    if (!cipher.seal({}, plain, sealed)) return state.SkipWithError("seal failed");
    for (auto _ : state) {
        if (!cipher.open_at(0, {}, sealed, plain)) return state.SkipWithError("open failed");
        benchmark::DoNotOptimize(plain.data());
    }
    state.SetBytesProcessed(state.range(0) * state.iterations());
}

BENCHMARK(node_id_of_key);
BENCHMARK(sign)->Arg(100)->Arg(64 * 1024);
BENCHMARK(verify)->Arg(100)->Arg(64 * 1024);
BENCHMARK_CAPTURE(handshake_xx, x25519, noise::x25519());
BENCHMARK_CAPTURE(handshake_xx, fast_dh, noise::fast_dh());
BENCHMARK(seal)->Arg(100)->Arg(1024)->Arg(16 * 1024);
BENCHMARK(open)->Arg(100)->Arg(1024)->Arg(16 * 1024);

}  // namespace
}  // namespace mydht::bench
