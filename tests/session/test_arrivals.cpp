#include "fixture.hpp"
#include "session/arrivals.hpp"

namespace mydht::test {

using namespace detail;

namespace {

struct door {
    explicit door(session_config config = {}) : context(w.make_env(), std::move(config), {}), all(context) {}
    ~door() {
        for (const auto& one : added) all.remove(one);
        CHECK(w.time->armed() == 0);
    }

    arrivals::place come(const std::string& text) {
        added.push_back(all.add(parse_address(text).value()));
        return added.back();
    }
    void go(arrivals::place which) {
        std::erase(added, which);
        all.remove(which);
    }
    /// Who was turned away, and only they, in this order.
    [[nodiscard]] std::vector<std::string> turned_away() const {
        std::vector<std::string> out;
        const std::string begin = "session: turned away ";
        for (const auto& line : w.log->lines) {
            REQUIRE(line.starts_with(begin));
            out.push_back(line.substr(begin.size(), line.find(": ", begin.size()) - begin.size()));
        }
        CHECK(context.counters.handshakes_failed == out.size());
        return out;
    }

    world w;
    session_context context;
    arrivals all;
    std::vector<arrivals::place> added;
};

using texts = std::vector<std::string>;

}  // namespace

TEST_CASE("one handshake too many ends the oldest that has said nothing", "[arrivals]") {
    session_config config;
    config.handshakes_max = 3;
    door d(config);
    d.come("tcp://1.0.0.1:1")->greet();
    const auto silent = d.come("tcp://2.0.0.1:1");
    d.come("tcp://3.0.0.1:1");
    CHECK(d.turned_away().empty());
    d.come("tcp://4.0.0.1:1");
    CHECK(d.turned_away() == texts{"tcp://2.0.0.1:1"});
    d.come("tcp://5.0.0.1:1")->greet();
    d.come("tcp://6.0.0.1:1")->greet();
    CHECK(d.turned_away() == texts{"tcp://2.0.0.1:1", "tcp://3.0.0.1:1", "tcp://4.0.0.1:1"});
    // Three have not ended yet that were told to.
    CHECK(d.all.crowded());
    d.go(silent);
    CHECK_FALSE(d.all.crowded());
    // All have said something: the oldest goes.
    d.come("tcp://7.0.0.1:1");
    CHECK(d.turned_away().back() == "tcp://1.0.0.1:1");
}

TEST_CASE("one network has so many handshakes and no more", "[arrivals]") {
    session_config config;
    config.handshakes_per_prefix = 2;
    door d(config);
    d.come("tcp://9.0.0.1:1");
    d.come("tcp://1.2.3.1:1")->greet();
    d.come("tcp://1.2.3.2:1");
    d.come("tcp://1.2.4.1:1");
    CHECK(d.turned_away().empty());
    d.come("tcp://1.2.3.3:1");
    CHECK(d.turned_away() == texts{"tcp://1.2.3.2:1"});
    CHECK(d.w.log->count("too many handshakes from its network") == 1);
    for (int i = 1; i <= 9; ++i) {
        d.come("tcp://127.0.0.1:" + std::to_string(i));
        d.come("tcp://192.168.0.1:" + std::to_string(i));
    }
    CHECK(d.turned_away().size() == 1);
}

TEST_CASE("a preamble has its own time", "[arrivals]") {
    session_config config;
    config.preamble_timeout = 500ms;
    door d(config);
    d.come("tcp://1.0.0.1:1");
    d.come("tcp://2.0.0.1:1")->greet();
    d.w.advance(490ms);
    CHECK(d.turned_away().empty());
    d.w.advance(10ms);
    CHECK(d.turned_away() == texts{"tcp://1.0.0.1:1"});
    d.w.advance(1min);
    CHECK(d.turned_away().size() == 1);
}

}  // namespace mydht::test
