#include "tools/query_tree.hpp"

#include <sstream>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::tools;
using namespace std::chrono_literals;
using ending = query_step::ending;

namespace {

node_id id_of(std::uint8_t first) {
    node_id out;
    out.data()[0] = first;
    return out;
}

query_step step_of(std::uint8_t peer, ending how, std::optional<std::size_t> named_by = {}) {
    query_step out;
    out.peer = id_of(peer);
    out.how = how;
    out.named_by = named_by;
    return out;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
}

traced_query walk() { return {id_of(0xab), "iterative", false}; }
traced_query travelled() { return {id_of(0xab), "proxied", true}; }

}  // namespace

TEST_CASE("peers stand below those who named them, with their times", "[tree]") {
    auto query = walk();
    auto first = step_of(0x11, ending::answered);
    first.where = address::ipv4(address_kind::udp, {127, 0, 0, 1}, 4000);
    first.sent = 100us;
    first.ended = duration(2600us);
    first.contacts = 3;
    auto silent = step_of(0x22, ending::silent, 0);
    silent.sent = 2700us;
    silent.ended = duration(2s);
    auto other = step_of(0x33, ending::unreachable);
    auto holder = step_of(0x44, ending::found, 0);
    holder.results = 1;
    holder.late = true;
    query.report.steps = {first, silent, other, holder, step_of(0x55, ending::waiting, 3)};
    query.report.asked = 5;
    query.report.answered = 2;
    query.report.timed_out = 1;
    query.report.failed = 1;
    query.report.took = 2001ms;
    CHECK(lines_of(tree_text(query)) ==
          std::vector<std::string>{
              "ab000000, iterative: found after 2001.0 ms, 5 asked, 2 answered, 1 silent, 1 not reached or "
              "refused",
              " sent ms  took ms",
              "     0.1      2.5  |- 11000000  named 3  udp://127.0.0.1:4000",
              "     2.7   1997.3  |  |- 22000000  silent",
              "     0.0        -  |  |- 44000000  late, found 1, named 0",
              "     0.0        -  |  |  |- 55000000  no answer when it was over",
              "     0.0        -  |- 33000000  not reached",
          });
}

TEST_CASE("of a query that travels the tree says what came back from each peer", "[tree]") {
    auto query = travelled();
    auto found = step_of(0x11, ending::found);
    found.results = 1;
    auto straight = step_of(0x22, ending::found);
    straight.delivered = 2;
    auto handed_on = step_of(0x33, ending::waiting);
    handed_on.delivered = 1;
    handed_on.first = duration(3ms);
    query.report.steps = {found,
                          straight,
                          handed_on,
                          step_of(0x44, ending::answered),
                          step_of(0x55, ending::seen_before),
                          step_of(0x66, ending::refused),
                          step_of(0x77, ending::invalid),
                          step_of(0x88, ending::brought)};
    query.error = make_error_code(errc::not_found);
    const auto lines = lines_of(tree_text(query));
    REQUIRE(lines.size() == 10);
    CHECK(lines[0] == "ab000000, proxied: nothing after 0.0 ms, 0 asked, 0 answered");
    CHECK(lines[4].starts_with("     0.0      3.0  |- "));
    const std::vector<std::string> ends = {
        "11000000  found 1",        "22000000  found 0, 2 brought", "33000000  brought 1 before any answer",
        "44000000  found nothing",  "55000000  had seen the query", "66000000  refused",
        "77000000  invalid answer", "88000000  brought it here"};
    for (std::size_t i = 0; i < ends.size(); ++i) CHECK(lines[i + 2].substr(lines[i + 2].find("|- ") + 3) == ends[i]);
}

TEST_CASE("rounds are told apart", "[tree]") {
    auto query = travelled();
    auto later = step_of(0x22, ending::answered);
    later.round = 1;
    query.report.steps = {step_of(0x11, ending::answered), later, later};
    const auto lines = lines_of(tree_text(query));
    REQUIRE(lines.size() == 6);
    CHECK(lines[3] == "                   round 2");
    // Those of a hidden get have a line each.
    query.mode = "hidden";
    const auto walks = lines_of(tree_text(query));
    REQUIRE(walks.size() == 5);
    CHECK(walks[2].ends_with("|- 11000000  found nothing, walk 1"));
    CHECK(walks[3].ends_with("|- 22000000  found nothing, walk 2"));
    query.report.steps = {step_of(0x11, ending::answered)};
    CHECK(lines_of(tree_text(query)).size() == 3);
}

TEST_CASE("a tree stays within a hundred columns, however deep it is and wherever its peers are", "[tree]") {
    auto query = walk();
    const auto near = address::ipv4(address_kind::udp, {203, 0, 113, 255}, 65535);
    const auto far = address::ipv6(address_kind::udp, {0x20, 1, 0xd, 0xb8, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}, 65535);
    for (std::size_t i = 0; i < lookup_report::steps_max; ++i) {
        auto step = step_of(static_cast<std::uint8_t>(i), ending::found, i == 0 ? std::optional<std::size_t>() : i - 1);
        step.where = i == 0 ? near : far;
        step.late = true;
        step.contacts = 20;
        step.sent = 1h;
        step.ended = duration(2h);
        query.report.steps.push_back(step);
    }
    const auto lines = lines_of(tree_text(query));
    REQUIRE(lines.size() == lookup_report::steps_max + 2);
    for (const auto& line : lines) CHECK(line.size() <= 100);
    // An address that has room is there, and what is drawn higher than it is says who named it.
    CHECK(lines[2].ends_with("  " + near.text()));
    CHECK(lines[3].find("udp") == std::string::npos);
    CHECK(lines[8].find(", by ") == std::string::npos);
    CHECK(lines[9].find("|- 07000000  late, found 1, named 20, by 06000000") != std::string::npos);
    query.report.steps[5].named_by = 9;  // nobody is named by one who was asked later
    CHECK(lines_of(tree_text(query)).size() == lookup_report::steps_max + 2);
}

TEST_CASE("a value that was taken back is not one that was never there", "[tree]") {
    auto query = walk();
    query.report.steps = {step_of(0x11, ending::found)};
    query.error = make_error_code(errc::not_found);
    CHECK(tree_json(query).find("retracted") == std::string::npos);
    query.retracted = true;
    CHECK(lines_of(tree_text(query))[0] == "ab000000, iterative: retracted, seen after 0.0 ms, 0 asked, 0 answered");
    CHECK(tree_json(query).find(R"("found": false, "retracted": true, "error": ")") != std::string::npos);
}

TEST_CASE("ids are whole where the user wants that", "[tree]") {
    auto query = walk();
    query.report.steps = {step_of(0x11, ending::found)};
    query.report.steps[0].where = address::ipv4(address_kind::udp, {203, 0, 113, 255}, 65535);
    query.whole_ids = true;
    const auto lines = lines_of(tree_text(query));
    REQUIRE(lines.size() == 3);
    CHECK(lines[0].starts_with(query.target.hex() + ", "));
    CHECK(lines[2].find("|- " + id_of(0x11).hex() + "  found 1") != std::string::npos);
    CHECK(lines[2].ends_with(query.report.steps[0].where.text()));
}

TEST_CASE("a query that asked nobody has a summary and no tree", "[tree]") {
    CHECK(lines_of(tree_text(walk())).size() == 1);
}

TEST_CASE("the tree as JSON has every field that is there", "[tree]") {
    auto query = travelled();
    auto step = step_of(0x11, ending::found);
    step.where = address::ipv4(address_kind::udp, {127, 0, 0, 1}, 4000);
    step.results = 1;
    step.first = duration(1ms);
    step.ended = duration(2ms);
    query.report.steps = {step, step_of(0x22, ending::waiting, 0)};
    const auto text = tree_json(query);
    CHECK(text.find(R"("found": true, "took_ms": 0.000, "asked": 0)") != std::string::npos);
    CHECK(text.find(R"("outcome": "found", "address": "udp://127.0.0.1:4000", "sent_ms": 0.000, "first_ms": 1.000, )"
                    R"("ended_ms": 2.000, "contacts": 0, "results": 1, "delivered": 0, "late": false})") !=
          std::string::npos);
    CHECK(text.find(R"("outcome": "waiting", "named_by": 0, "sent_ms": 0.000, "contacts": 0)") != std::string::npos);
    query.error = make_error_code(errc::not_found);
    CHECK(tree_json(query).find(R"("found": false, "error": ")") != std::string::npos);
}
