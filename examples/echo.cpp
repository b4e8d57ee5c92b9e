// A service of one's own, and a client for it: what goes in comes back.
#include <mydht/node/node.hpp>

static mydht::task<> echo(mydht::stream s) {
    mydht::bytes part(4096);
    while (auto got = co_await s.read_some(part)) {
        auto sent = co_await s.write(mydht::bytes_view(part).first(*got));
        if (!sent) break;
    }
    s.close();
}

static mydht::task<bool> ask(mydht::node& from, mydht::contact peer) {
    auto s = co_await from.open(peer, "echo/1");
    if (!s) co_return false;
    auto sent = co_await s->write(mydht::as_bytes("hello"));
    mydht::bytes back(5);
    auto got = co_await s->read(back);
    co_return (sent && got && mydht::as_text(back) == "hello");
}

static mydht::task<> run(mydht::environment env, bool& answered) {
    mydht::node_config config;
    config.listen.push_back(*mydht::parse_address("udp://127.0.0.1:0"));
    mydht::node server(env, std::move(config));
    server.serve("echo/1", echo);
    mydht::node client(env, mydht::node_config());
    auto listening = co_await server.start();
    auto joined = co_await client.start();
    const auto peer = server.as_contact();
    if (listening && joined) answered = co_await ask(client, peer);
    co_await client.stop();
    co_await server.stop();
}

int main() {
    bool answered = false;
    mydht::run([&answered](mydht::environment env) { return run(std::move(env), answered); });
    return answered ? 0 : 1;
}
