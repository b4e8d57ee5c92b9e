// Every operation of a datagram transport fails in turn, and everything is destroyed after every handler.
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "datagram_peers.hpp"
#include "two_peers.hpp"

namespace mydht::test {

namespace {

session_config simulated() {
    session_config out;
    out.agreement = &noise::fast_dh();
    return out;
}

/// Sends something through an echo and waits for its end.
task<bool> echoes(stream s) {
    const bytes sent(20'000, 7);
    bytes back(sent.size());
    const auto written = co_await s.write(sent);
    const auto finished = co_await s.finish();
    const auto read = co_await s.read(back);
    co_return written&& finished&& read&& back == sent;
}

task<wire::message> answer_large(peer_info from, wire::message what) {
    if (std::holds_alternative<wire::find_value>(what)) co_return values_of(30'000);
    co_return co_await peer::echo(std::move(from), std::move(what));
}

struct outcome {
    int worked = 0;
};

/// Two nodes meet, ask each other small and large questions, talk over a stream, and part.
task<> live_together(peer& a, peer& b, outcome& out) {
    const auto where = co_await b.pool->listen(mem("b"));
    if (!where) co_return;
    b.pool->serve("echo/1", echo_stream);
    ++out.worked;
    const auto early = co_await a.pool->ask(b.at(*where), wire::ping(), a.in(20s));
    out.worked += early ? 1 : 0;
    auto link = co_await a.pool->connect(b.at(*where), a.in(20s));
    if (!link) co_return;
    ++out.worked;
    const auto large = co_await link->request(wire::find_value(), a.in(20s));
    out.worked += large ? 1 : 0;
    auto back = b.pool->find(a.self->id());
    if (!back.empty()) {
        const auto other = co_await back.request(wire::find_node(), b.in(20s));
        out.worked += other ? 1 : 0;
    }
    auto opened = co_await a.pool->open(b.at(*where), "echo/1", a.in(20s));
    if (!opened) co_return;
    const bool echoed = co_await echoes(*opened);
    out.worked += echoed ? 1 : 0;
}

task<> stop_both(peer& a, peer& b) {
    co_await a.pool->stop(5s);
    co_await b.pool->stop(5s);
}

}  // namespace

namespace {

/// A machine whose address may be away for a while: then nothing arrives there, what it sends fails, its sockets are
/// silent, and only who looks for the address finds out.
class machine {
public:
    explicit machine(packet_net& net, std::shared_ptr<manual_clock> time) : net_(net), time_(std::move(time)) {
        net_.has = [this](const address& at) { return std::optional(!away("look", at)); };
        net_.fails = [this](std::string_view what, const address& at) -> std::error_code {
            if (!away(what, at)) return {};
            if (what == "open") return errc::address_not_available;
            return what == "send" ? make_error_code(errc::unreachable) : std::error_code();
        };
        net_.tamper = [this](packet_net::packet& one) {
            if (one.data.front() == static_cast<std::uint8_t>(wire::packet_type::initial)) ++first_packets;
            return !(one.to == lost_ && time_->now() < back_at_);
        };
    }
    machine(const machine&) = delete;
    machine& operator=(const machine&) = delete;
    ~machine() {
        net_.has = {};
        net_.fails = {};
        net_.tamper = {};
    }

    void goes_away(const address& which, duration time) {
        lost_ = which;
        back_at_ = time_->now() + time;
    }

    /// Asked at every operation, before it is known whether it fails.
    std::function<void(std::string_view what, const address& at)> before;
    std::size_t first_packets = 0;

private:
    [[nodiscard]] bool away(std::string_view what, const address& at) const {
        if (before) before(what, at);
        return at == lost_ && time_->now() < back_at_;
    }

    packet_net& net_;
    std::shared_ptr<manual_clock> time_;
    address lost_;
    steady_time back_at_ = steady_time::min();
};

}  // namespace

TEST_CASE("at whichever operation its address goes away and comes back, both nodes end in order",
          "[sweep][datagrams]") {
    std::size_t reached = 0;
    int best = 0;
    std::uint64_t lost = 0;
    std::uint64_t reopened = 0;
    std::map<std::string, std::size_t> gone;
    // A lease is renewed in time, or the socket is lost.
    const auto time_away = GENERATE(5s, 15s);
    CAPTURE(time_away.count());
    for (std::size_t go_at = 0; go_at <= reached; ++go_at) {
        CAPTURE(go_at);
        world w;
        packet_net net(w.time);
        machine addresses(net, w.time);
        peer a(w, net.transport(), simulated());
        peer b(w, net.transport(), simulated(), answer_large);
        reached = 0;
        addresses.before = [&](std::string_view what, const address& at) {
            if (reached++ != go_at) return;
            ++gone[std::string(what)];
            addresses.goes_away(at, time_away);
        };
        outcome out;
        w.run(live_together(a, b, out));
        w.run(stop_both(a, b));
        w.advance(1s);
        CHECK(w.time->armed() == 0);
        CHECK(a.opened.size() == a.closed.size());
        CHECK(b.opened.size() == b.closed.size());
        best = std::max(best, out.worked);
        for (auto* one : {&a, &b}) {
            lost += one->pool->counters().sockets_lost;
            reopened += one->pool->counters().sockets_reopened;
        }
    }
    CHECK(best == 6);
    for (const auto* what : {"open", "look", "send", "receive"}) CHECK(gone[what] > 0);
    CHECK((lost > 0) == (time_away > 12s));
    CHECK((reopened > 0) == (time_away > 12s));
}

TEST_CASE("whichever operation of the datagram transport fails, both nodes end in order", "[sweep][datagrams]") {
    std::size_t reached = 0;
    int best = 0;
    std::map<std::string, std::size_t> failed;
    for (std::size_t fail_at = 0; fail_at <= reached; ++fail_at) {
        CAPTURE(fail_at);
        world w;
        packet_net net(w.time);
        peer a(w, net.transport(), simulated());
        peer b(w, net.transport(), simulated(), answer_large);
        reached = 0;
        std::string which = "none";
        net.fails = [&](std::string_view what, const address&) -> std::error_code {
            if (reached++ != fail_at) return {};
            which = what;
            return errc::network_failed;
        };
        outcome out;
        w.run(live_together(a, b, out));
        w.run(stop_both(a, b));
        w.advance(1s);
        CAPTURE(which);
        CHECK(w.time->armed() == 0);
        CHECK(a.opened.size() == a.closed.size());
        CHECK(b.opened.size() == b.closed.size());
        // A packet that was not sent is as good as lost.
        if (which == "send") CHECK(out.worked == 6);
        best = std::max(best, out.worked);
        ++failed[which];
    }
    CHECK(best == 6);
    CHECK(failed["open"] == 2);
    CHECK(failed["send"] > 20);
    CHECK(failed["receive"] > 20);
}

namespace {

task<admission_verdict> think_first(std::shared_ptr<manual_clock> time) {
    wait_queue never;
    co_await never.wait_until(*time, time->now() + 20ms);
    co_return admission_verdict::accept(1);
}

/// When the address of one of them goes, and for how long: its socket is lost, and sessions wait for the next one.
constexpr auto away_at = steady_time(10s);
constexpr auto away_for = 17'500ms;

/// What a handler can be in the midst of: requests in first packets, parts, streams, new keys, and who is let in.
task<> live_fully(std::shared_ptr<peer> a, std::shared_ptr<peer> b, std::shared_ptr<manual_clock> time) {
    wait_queue never;
    co_await never.wait_until(*time, time->now() + 3s);
    outcome out;
    co_await live_together(*a, *b, out);
    CHECK(out.worked == 6);
    // Until the keys are old.
    for (int i = 0; i < 6; ++i) {
        co_await never.wait_until(*time, time->now() + 25s);
        const auto asked = co_await a->pool->ask(b->at(mem("b")), wire::ping(), a->in(20s));
        CHECK(asked.has_value());
    }
    co_await stop_both(*a, *b);
}

}  // namespace

TEST_CASE("after any handler of datagrams everything can be destroyed", "[sweep][datagrams]") {
    const bool asks = GENERATE(false, true);
    const bool pools_first = GENERATE(true, false);
    const bool goes_away = GENERATE(false, true);
    CAPTURE(asks, pools_first, goes_away);
    bool ended = false;
    std::size_t kills = 0;
    std::size_t first_packets = 0;
    std::uint64_t reopened = 0;
    // All of the beginning, and then fewer: the later ones are alike.
    // Each of the first 80 handlers, in which both sides shake hands, and then one in two, in three and so on: a run
    // costs as much as the handlers before its end, so all of some thousand would take minutes, and those at the end
    // wait for packets and acks alike.
    for (std::size_t kill_at = 0; !ended; kill_at += 1 + kill_at / 80) {
        CAPTURE(kill_at);
        // Sockets may go as late as the context, and need their net then.
        const auto time = std::make_shared<manual_clock>();
        packet_net net(time);
        world w;
        w.time = time;
        machine addresses(net, time);
        if (!goes_away) net.has = {};
        auto config = simulated();
        if (asks) config.admission.decide = [time = w.time](peer_info) { return think_first(time); };
        auto a = std::make_shared<peer>(w, net.transport(), simulated());
        auto b = std::make_shared<peer>(w, net.transport(), config, answer_large);
        asio::co_spawn(w.context, live_fully(a, b, w.time), [&](std::exception_ptr) { ended = true; });
        for (std::size_t handlers = 0; !ended && handlers < kill_at;) {
            w.context.restart();
            if (w.context.poll_one() > 0) {
                ++handlers;
            } else {
                w.time->advance(world::step);
                if (goes_away && time->now() == away_at) addresses.goes_away(mem("b"), away_for);
            }
        }
        first_packets = addresses.first_packets;
        reopened = b->pool->counters().sockets_reopened;
        if (ended) break;
        ++kills;
        if (pools_first) {
            a->pool.reset();
            b->pool.reset();
        }
        // Otherwise they go with the coroutine that holds them, when the context does.
        a.reset();
        b.reset();
    }
    CHECK(kills > 80);
    // The last run went to its end, and changed its keys.
    CHECK(first_packets >= 2);
    CHECK(reopened == (goes_away ? 1 : 0));
}

}  // namespace mydht::test
