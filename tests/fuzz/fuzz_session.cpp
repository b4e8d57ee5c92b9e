#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <mydht/crypto/ids.hpp>
#include <mydht/crypto/random.hpp>
#include <mydht/session/session_pool.hpp>
#include <mydht/transport/memory.hpp>
#include <mydht/wire/handshake_payload.hpp>
#include <mydht/wire/record.hpp>

#include "../support/manual_clock.hpp"

// A peer that says anything to a node: from its first byte, or behind a handshake (plain, so that the input is what the
// node reads), as records or as frames.

using namespace mydht;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

enum class start : std::uint8_t { first_byte = 0, records = 1, frames = 2 };
constexpr std::uint8_t starts = 3;

struct people {
    std::shared_ptr<random_source> random = make_system_random();
    std::shared_ptr<const identity> node = std::make_shared<const identity>(identity::generate(*random));
    std::shared_ptr<const identity> stranger = std::make_shared<const identity>(identity::generate(*random));
};

task<wire::message> answer(peer_info, wire::message) { co_return wire::nodes(); }

/// What a dialler of plain links says without waiting.
bytes handshake_of(const identity& who, const session_config& config) {
    wire::preamble hello;
    hello.mode = config.mode;
    hello.network = network_tag_of(config.network).data();
    bytes out = to_bytes(wire::encode(hello));
    wire::append_record(out, {});
    wire::handshake_payload payload;
    payload.peer = who.key();
    for (const auto& one : config.codecs) payload.codecs.push_back(one.id());
    payload.chosen = payload.codecs.front();
    bytes encoded;
    check(wire::encode(payload, encoded).has_value());
    wire::append_record(out, encoded);
    return out;
}

bytes said(start from, bytes_view input, const identity& who, const session_config& config) {
    if (from == start::first_byte) return to_bytes(input);
    auto out = handshake_of(who, config);
    if (from == start::records) {
        out.insert(out.end(), input.begin(), input.end());
    } else {
        while (!input.empty()) wire::append_record(out, wire::next_plaintext(input));
    }
    return out;
}

task<> talk(any_transport with, address to, bytes what) {
    auto connection = co_await with.connect(to);
    check(connection.has_value());
    (void)co_await connection->write(what);
    // Reads until the node has enough, so that the node is never held up.
    bytes in(4096);
    for (;;) {
        const auto got = co_await connection->read_some(in);
        if (!got) co_return;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const people who;
    if (size == 0) return 0;
    asio::io_context context(1);
    const auto time = std::make_shared<test::manual_clock>();
    environment env;
    env.exec = context.get_executor();
    env.workers = env.exec;
    env.time = time;
    env.secure_random = who.random;
    env.random = std::make_shared<prng>(1);
    session_config config;
    config.mode = wire::link_mode::plain;
    config.send_buffer_bytes = 1024;
    memory_network network;
    const auto poll = [&] {
        context.restart();
        context.poll();
    };
    session_pool pool(env, who.node, config, answer, session_events());
    pool.add_transport(network.transport());
    const auto at = address::memory("node").value();
    asio::co_spawn(context, pool.listen(at),
                   [](std::exception_ptr, const result<address>& got) { check(got.has_value()); });
    poll();
    auto bytes_said = said(start{static_cast<std::uint8_t>(data[0] % starts)}, bytes_view(data, size).subspan(1),
                           *who.stranger, config);
    bool heard_all = false;
    asio::co_spawn(context, talk(network.transport(), at, std::move(bytes_said)),
                   [&](std::exception_ptr) { heard_all = true; });
    poll();
    check(pool.size() <= 1);
    // Whatever was said, it is over when the session was idle, and nothing is left.
    for (int i = 0; i < 30; ++i) {
        time->advance(std::chrono::seconds(10));
        poll();
    }
    check(heard_all);
    check(pool.size() == 0);
    bool stopped = false;
    asio::co_spawn(context, pool.stop(std::chrono::seconds(1)), [&](std::exception_ptr) { stopped = true; });
    poll();
    check(stopped);
    check(time->armed() == 0);
    return 0;
}
