#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <mydht/crypto/ids.hpp>
#include <mydht/session/session_pool.hpp>
#include <mydht/wire/packet.hpp>

#include "../session/packet_net.hpp"

// Two nodes over datagrams in virtual time. The input says what they do, and what becomes of each of their packets:
// delivered, dropped, repeated, changed, cut, held back, or sent again much later from somewhere else.

using namespace mydht;
using namespace std::chrono_literals;

namespace {

void check(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "it does not hold that %s\n", what);
    std::abort();
}

/// The input, byte by byte; zeros behind its end.
class script {
public:
    explicit script(bytes_view data) : data_(data) {}

    [[nodiscard]] bool over() const { return data_.empty(); }
    std::uint8_t next() {
        if (data_.empty()) return 0;
        const auto out = data_.front();
        data_ = data_.subspan(1);
        return out;
    }

private:
    bytes_view data_;
};

class seeded final : public random_source {
public:
    explicit seeded(std::uint64_t seed) : numbers_(seed) {}
    void fill(bytes_span out) override {
        for (auto& byte : out) byte = static_cast<std::uint8_t>(numbers_());
    }

private:
    prng numbers_;
};

constexpr std::size_t actions_max = 48;
/// Of the input: two bytes for each action, and for what becomes of a packet. What lies behind is not looked at.
constexpr std::size_t input_max = 2'048;
/// No further action once so many bytes were sent, so that no input makes a run slow.
constexpr std::size_t moved_max = std::size_t{512} * 1024;
/// What is under way then, what is sent again because it was lost, and all first packets once more.
constexpr std::size_t moved_in_all_max = 4 * moved_max;
constexpr std::size_t packets_in_all_max = 8'192;
constexpr std::size_t arrived_max = 128;
constexpr std::size_t kept_max = 64;
constexpr std::size_t sessions_max = 8;

address place(const std::string& name) { return address::memory(name).value(); }

/// One node, and how often its handler was asked.
struct side {
    side(asio::io_context& context, std::shared_ptr<test::manual_clock> time, std::uint64_t seed) {
        env.exec = context.get_executor();
        env.workers = env.exec;
        env.time = std::move(time);
        env.secure_random = std::make_shared<seeded>(seed);
        env.random = std::make_shared<prng>(seed);
        self = std::make_shared<const identity>(identity::generate(*env.secure_random));
    }
    void begin(any_datagram_transport over, const session_config& config) {
        auto handler = [this](peer_info, wire::message what) { return answer(this, std::move(what)); };
        pool = std::make_unique<session_pool>(env, self, config, handler, session_events());
        pool->add_transport(std::move(over));
    }
    static task<wire::message> answer(side* who, wire::message what) {
        ++who->asked;
        if (!std::holds_alternative<wire::find_value>(what)) co_return wire::pong();
        wire::values out;
        out.items.emplace_back().body = bytes(who->answer_bytes, 7);
        co_return out;
    }
    [[nodiscard]] contact at(const address& where) const { return contact_of(self->key(), 1, {where}); }
    [[nodiscard]] steady_time in(duration d) const { return env.time->now() + d; }

    environment env;
    std::shared_ptr<const identity> self;
    std::unique_ptr<session_pool> pool;
    std::size_t asked = 0;
    std::size_t answer_bytes = 10;
};

task<> ask(session_pool* pool, contact who, wire::message what, steady_time deadline) {
    (void)co_await pool->ask(std::move(who), std::move(what), deadline);
}

task<> request(session over, wire::message what, steady_time deadline) {
    (void)co_await over.request(std::move(what), deadline);
}

task<> talk(session_pool* pool, contact who, std::size_t size, steady_time deadline) {
    auto opened = co_await pool->open(std::move(who), "echo/1", deadline);
    if (!opened) co_return;
    const bytes said(size, 9);
    (void)co_await opened->write(said);
    (void)co_await opened->finish();
}

task<> swallow(stream s) {
    bytes into(2048);
    for (;;) {
        const auto got = co_await s.read_some(into);
        if (!got) co_return;
    }
}

/// Nobody is there: packets only seem to come from such places.
bool is_outsider(const address& where) { return where.data()[0] == 'e' || where.data()[0] == 'f'; }

class story {
public:
    explicit story(bytes_view input)
        : script_(input),
          time_(std::make_shared<test::manual_clock>()),
          net_(time_),
          a_(context_, time_, 1),
          b_(context_, time_, 2) {
        const auto how = script_.next() % 3;
        config_.agreement = &noise::fast_dh();
        config_.sessions_max = sessions_max;
        if (how == 1) config_.psk = bytes(32, 3);
        if (how == 2) config_.mode = wire::link_mode::plain;
        for (auto* one : {&a_, &b_}) one->begin(net_.transport(), config_);
        listen(b_, place("b"));
        b_.pool->serve("echo/1", swallow);
        pass(3s);
        net_.tamper = [this](test::packet_net::packet& one) { return lets_pass(one); };
    }

    void run() {
        for (std::size_t i = 0; i < actions_max && !script_.over() && moved() < moved_max; ++i) {
            act();
            check(a_.pool->size() <= sessions_max && b_.pool->size() <= sessions_max, "sessions are bounded");
            check(time_->armed() <= 64, "alarms are bounded");
        }
        net_.tamper = {};
        pass(30s);
        check(moved() <= moved_in_all_max && net_.sent <= packets_in_all_max, "what was asked for bounds what is sent");
        a_.pool.reset();
        poll();
        replay_first_packets();
        nobody_got_more_than_it_sent();
        stop(b_);
        pass(5s);
        check(time_->armed() == 0, "nothing is left in the end");
    }

private:
    /// Bytes that went anywhere.
    [[nodiscard]] std::size_t moved() const {
        std::size_t out = 0;
        for (const auto& [ends, sent] : net_.volume) out += sent;
        return out;
    }
    void poll() {
        context_.restart();
        context_.poll();
    }
    void pass(duration by) {
        poll();
        const auto end = time_->now() + by;
        while (time_->now() < end) {
            time_->advance(std::min<duration>(end - time_->now(), std::max<duration>(by / 16, 10ms)));
            poll();
        }
    }
    void start(task<> what) {
        asio::co_spawn(context_, std::move(what), [](std::exception_ptr) {});
        poll();
    }
    void listen(side& who, const address& at) {
        asio::co_spawn(context_, who.pool->listen(at), [](std::exception_ptr, const result<address>&) {});
        poll();
    }
    void stop(side& who) {
        bool stopped = false;
        asio::co_spawn(context_, who.pool->stop(1s), [&](std::exception_ptr) { stopped = true; });
        pass(2s);
        check(stopped, "a pool stops in time");
        who.pool.reset();
    }

    void act() {
        const auto what = script_.next();
        const auto number = script_.next();
        wire::message question = wire::ping();
        if (number % 3 == 1) question = wire::find_node();
        if (number % 3 == 2) question = wire::find_value();
        b_.answer_bytes = std::size_t{number} * 40;
        const auto soon = time_->now() + 10s;
        switch (what % 12) {
            case 0: return start(ask(a_.pool.get(), b_.at(place("b")), std::move(question), soon));
            case 1: return start(talk(a_.pool.get(), b_.at(place("b")), std::size_t{number} * 64, soon));
            case 2: {
                const auto back = b_.pool->find(a_.self->id());
                if (!back.empty()) start(request(back, std::move(question), soon));
                return;
            }
            case 3: return pass(std::chrono::milliseconds(number));
            case 4: return pass(std::chrono::seconds(number));
            case 5: return inject(number);
            case 6: return release_held();
            case 7: {
                auto links = a_.pool->sessions();
                if (!links.empty()) links[number % links.size()].close();
                return poll();
            }
            case 8: return move_a(number);
            case 9: return inject_noise(number);
            case 10: {
                b_.pool.reset();
                poll();
                b_.begin(net_.transport(), config_);
                b_.pool->serve("echo/1", swallow);
                return listen(b_, place("b"));
            }
            default: return pass(10ms);
        }
    }

    /// The socket of a gets another name, as behind a translator of addresses.
    void move_a(std::uint8_t number) {
        if (a_at_ == address()) return;
        const auto there = place("a" + std::to_string(++moves_) + "-" + std::to_string(number));
        net_.rename(a_at_, there);
        a_at_ = there;
    }

    bool lets_pass(test::packet_net::packet& one) {
        if (one.to == place("b") && !is_outsider(one.from)) a_at_ = one.from;
        // What leaves for outsiders is only counted: sent again it would be somebody else's.
        if (is_outsider(one.to)) return false;
        if (kept_.size() < kept_max) kept_.push_back(one);
        const bool passes = decide(one);
        const bool initial = wire::type_of(one.data) == wire::packet_type::initial;
        if (passes && initial) note_arrival(one);
        return passes;
    }
    void note_arrival(const test::packet_net::packet& one) {
        if (one.to == place("b") && arrived_.size() < arrived_max) arrived_.emplace(one.data, one.from);
    }
    bool decide(test::packet_net::packet& one) {
        const auto what = script_.next();
        const auto number = script_.next();
        switch (what % 16) {
            case 1: return false;
            case 2: repeated_.push_back(one); return true;
            case 3: one.data[number % one.data.size()] ^= static_cast<std::uint8_t>(1U << (what / 16 % 8)); return true;
            case 4: one.data.resize(1 + number % one.data.size()); return true;
            case 5:
                if (held_.size() < kept_max) held_.push_back(one);
                return false;
            case 6:
                one.from = place("e" + std::to_string(number % 4));
                net_.volume[{one.from, one.to}] += one.data.size();
                return true;
            default: return true;
        }
    }

    /// A packet that was seen before, from where it came from or from elsewhere.
    void inject(std::uint8_t number) {
        for (auto& each : std::exchange(repeated_, {})) send(std::move(each));
        if (kept_.empty()) return;
        auto one = kept_[number % kept_.size()];
        if (number % 2 == 1) one.from = place("e" + std::to_string(number % 4));
        send(std::move(one));
    }
    void inject_noise(std::uint8_t number) {
        bytes data(1 + std::size_t{number} * 6);
        for (auto& byte : data) byte = static_cast<std::uint8_t>(noise_());
        data[0] = static_cast<std::uint8_t>(number % 8);
        send({place("e" + std::to_string(number % 4)), number % 5 == 0 && a_at_ != address() ? a_at_ : place("b"),
              std::move(data)});
    }
    void release_held() {
        for (auto& each : std::exchange(held_, {})) send(std::move(each));
    }
    void send(test::packet_net::packet one) {
        const bool initial = wire::type_of(one.data) == wire::packet_type::initial;
        if (initial) note_arrival(one);
        net_.inject(std::move(one));
        poll();
    }

    /// Whoever recorded first packets that arrived makes no handler work with them.
    void replay_first_packets() {
        pass(std::chrono::seconds(script_.next()));
        const auto asked = b_.asked;
        for (const auto& [data, first_from] : arrived_) {
            for (const auto& from : {first_from, place("e1"), place("f")}) {
                net_.inject({from, place("b"), data});
                pass(100ms);
            }
        }
        check(b_.asked == asked, "a first packet that comes again asks nothing");
    }

    void nobody_got_more_than_it_sent() {
        for (const auto& [ends, sent] : net_.volume) {
            const auto& [from, to] = ends;
            if (!is_outsider(to)) continue;
            const auto came = net_.volume.find({to, from});
            check(came != net_.volume.end() && sent <= came->second, "nobody gets more than was sent in its name");
        }
    }

    script script_;
    asio::io_context context_{1};
    std::shared_ptr<test::manual_clock> time_;
    test::packet_net net_;
    session_config config_;
    side a_;
    side b_;
    address a_at_;
    int moves_ = 0;
    std::vector<test::packet_net::packet> kept_;
    std::vector<test::packet_net::packet> held_;
    std::vector<test::packet_net::packet> repeated_;
    std::map<bytes, address> arrived_;  // first packets, and where they came from
    prng noise_{9};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    story(bytes_view(data, std::min(size, input_max))).run();
    return 0;
}
