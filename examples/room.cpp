// A chat room on one node, and two guests who come from another: streams, a call, admission, events, a private network.
#include <asio/experimental/as_tuple.hpp>
#include <asio/read_until.hpp>
#include <asio/use_awaitable.hpp>
#include <iostream>
#include <mydht/node/node.hpp>
#include <mydht/runtime/channel.hpp>
#include <mydht/runtime/race.hpp>
#include <mydht/runtime/task_group.hpp>
#include <mydht/session/asio_stream.hpp>
#include <set>

using namespace mydht;
constexpr auto as_result = asio::experimental::as_tuple(asio::use_awaitable);
using line_queue = channel<std::string>;

struct room {
    std::set<line_queue*> guests;
    std::set<node_id> friends, rude;
};

// What one guest has still to be told. It leaves the room with the guest's coroutine, however that ends.
struct seat {
    explicit seat(room& in_) : in(in_) { in.guests.insert(&lines); }
    ~seat() { in.guests.erase(&lines); }
    room& in;
    line_queue lines{100};
};

task<result<std::string>> next_line(asio_stream& from, std::string& read) {
    auto into = asio::dynamic_buffer(read, 1024);
    const auto [error, size] = co_await asio::async_read_until(from, into, '\n', as_result);
    if (error) co_return failure(error);
    auto line = read.substr(0, size);
    read.erase(0, size);
    co_return line;
}

task<result<void>> hear(seat& own, asio_stream guest) {
    std::string read;
    while (auto line = co_await next_line(guest, read)) {
        for (auto* lines : own.in.guests)
            if (lines != &own.lines) (void)lines->try_send(std::string(*line));  // who is slow misses some
    }
    co_return result<void>();
}

task<result<void>> tell(line_queue& lines, stream guest) {
    while (auto line = co_await lines.receive()) {
        const auto told = co_await guest.write(as_bytes(*line));
        if (!told) break;
    }
    co_return result<void>();
}

task<> host(room& in, stream guest) {
    seat own(in);
    std::vector<task<result<void>>> both;
    both.push_back(hear(own, asio_stream(guest)));
    both.push_back(tell(own.lines, guest));
    co_await race(std::move(both));
    guest.close();
}

task<result<bytes>> count(const room& in) { co_return to_bytes(std::to_string(in.guests.size())); }

task<admission_verdict> decide(const room& in, peer_info who) {
    if (in.rude.contains(who.who.id)) co_return admission_verdict::block(std::chrono::hours(1));
    if (in.guests.size() >= 100) co_return admission_verdict::refuse();
    co_return admission_verdict::accept(in.friends.contains(who.who.id) ? 10 : 0);
}

task<> watch(event_stream events) {
    while (auto event = co_await events.next())
        if (event->what == node_event::kind::peer_up) std::cout << event->who.observed.text() << " comes\n";
}

task<bool> chat(node& from, contact at) {
    auto ann = co_await from.open(at, "room/1");
    auto bob = co_await from.open(at, "room/1");
    if (!ann || !bob) co_return false;
    const auto said = co_await ann->write(as_bytes("hello, bob\n"));
    asio_stream lines(*bob);
    std::string read;
    const auto heard = co_await next_line(lines, read);
    const auto guests = co_await from.call(at, "count/1", bytes());
    if (heard && guests) std::cout << *heard << as_text(*guests) << " guests\n";
    co_return said&& heard == "hello, bob\n" && guests&& as_text(*guests) == "2";
}

task<> meet(environment env, bool& well) {
    room here;
    node_config hosting, visiting;
    hosting.listen = {*parse_address("udp://127.0.0.1:0"), *parse_address("tcp://127.0.0.1:0")};
    hosting.sessions.admission.decide = [&here](peer_info who) { return decide(here, std::move(who)); };
    hosting.sessions.request_rate->endpoint = rate_limit{50, 100};
    bytes psk(32);
    env.secure_random->fill(psk);
    hosting.sessions.psk = visiting.sessions.psk = psk;
    node server(env, std::move(hosting)), guest(env, std::move(visiting));
    here.friends.insert(guest.id());
    server.serve("room/1", [&here](stream s) { return host(here, std::move(s)); });
    server.serve("count/1", make_call_service([&here](incoming_call&) { return count(here); }));
    task_group background(env.exec, [](std::string_view, const std::exception_ptr&) {});
    background.spawn("watch", watch(server.events()));
    const auto opened = co_await server.start();
    const auto came = co_await guest.start();
    if (opened && came) well = co_await chat(guest, server.as_contact());
    co_await guest.stop();
    co_await server.stop();
    co_await background.join();
}

int main() {
    bool well = false;
    run([&well](environment env) { return meet(std::move(env), well); });
    return well ? 0 : 1;
}
