// Every option and argument of a node's calls as one naturally writes it: built inside the co_await expression that
// uses it. g++ 12.2 destroys aggregates that are built there twice, so all these types have constructors of their own;
// of one that has not, this is the test that aborts.

#include <memory>
#include <string>

#include <mydht/crypto/ids.hpp>
#include <mydht/node/capnp_service.hpp>
#include <mydht/sim/scenario.hpp>

#include "calls.capnp.h"
#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace std::chrono_literals;

namespace {

// Longer than what strings and functions keep inside, so that each has memory that could be given back twice.
std::string long_text(char letter) { return std::string(60, letter); }

std::shared_ptr<const identity> author_of(std::uint8_t number) {
    return std::make_shared<const identity>(*identity::from_seed(bytes(32, number)));
}

/// A function with memory of its own, as an application may have one at hand.
std::function<void(const value&)> counting(std::shared_ptr<int> seen) {
    return [seen = std::move(seen), kept = long_text('k')](const value&) { *seen += kept.empty() ? 0 : 1; };
}

task<result<std::size_t>> give(std::shared_ptr<std::size_t> left, bytes_span into) {
    const auto count = std::min(*left, into.size());
    std::fill_n(into.begin(), count, std::uint8_t{7});
    *left -= count;
    co_return count;
}

std::function<task<result<std::size_t>>(bytes_span)> source_of(std::size_t size) {
    auto left = std::make_shared<std::size_t>(size);
    return [left, kept = long_text('s')](bytes_span into) { return give(left, into); };
}

task<result<bytes>> read_all(incoming_call& call) {
    bytes out = to_bytes(call.request());
    bytes part(100);
    while (call.attachment_left() > 0) {
        const auto got = co_await call.read_attachment(part);
        if (!got) co_return failure(got.error());
        out.insert(out.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*got));
    }
    co_return out;
}

task<> repeat(capnp_call<Question, Answer>& call) {
    const auto asked = call.request();
    auto texts = call.response().initTexts(asked.getTimes());
    for (std::uint32_t i = 0; i < asked.getTimes(); ++i) texts.set(i, asked.getText());
    co_return;
}

std::function<void(Question::Builder)> question(std::string text) {
    return [text = std::move(text)](Question::Builder q) {
        q.setText(text);
        q.setTimes(2);
    };
}

task<> say_back(stream with) {
    bytes part(200);
    const auto got = co_await with.read_some(part);
    if (got) (void)co_await with.write(bytes_view(part).first(*got));
    (void)co_await with.finish();
}

task<std::string> values(node own) {
    std::string failed;
    lookup_report report;
    const auto seen = std::make_shared<int>(0);
    const auto put = co_await own.put(value::immutable(long_text('a')), put_options()
                                                                            .timeout(5s)
                                                                            .lifetime(1h)
                                                                            .mode(proxied())
                                                                            .hops(8)
                                                                            .fan_out(3)
                                                                            .spread(6)
                                                                            .priority(200)
                                                                            .along_the_path());
    if (!put) failed += " put";
    if (!(co_await own.put(value::immutable(to_bytes(long_text('b')))))) failed += " put_bytes";
    if (!(co_await own.put(value::immutable(long_text('b')), put_options().expect_sequence(0).local())))
        failed += " put_local";
    const auto got = co_await own.get(value::immutable(long_text('a')).key(), get_options()
                                                                                  .timeout(5s)
                                                                                  .mode(proxied())
                                                                                  .results(3)
                                                                                  .hops(8)
                                                                                  .fan_out(3)
                                                                                  .spread(6)
                                                                                  .priority(200)
                                                                                  .cached()
                                                                                  .on_result(counting(seen))
                                                                                  .report_to(report));
    if (!got) failed += " get";
    if (!(co_await own.get(value::immutable(long_text('b')).key(), get_options().paths(2).local(false))))
        failed += " get_paths";
    if (!(co_await own.get(value::immutable(long_text('b')).key(), get_options().hide().on_result(counting(seen)))))
        failed += " get_hidden";
    if (!(co_await own.get(value::immutable(long_text('b')).key(), get_options().mode(mixed(2)))))
        failed += " get_mixed";
    // What is done with a result at once.
    for (const auto how : {iterative(), direct()}) {
        const auto found = (co_await own.get(value::immutable(long_text('b')).key(), get_options().mode(how)))
                               .map([](const get_report& r) { return std::string(r.best.text()); })
                               .value_or(long_text('?'));
        if (found != long_text('b')) failed += " get_other";
    }
    if (*seen == 0) failed += " told";
    co_return failed;
}

task<std::string> records(node own, node_id other) {
    std::string failed;
    if (!(co_await own.publish(author_of(1), to_bytes(long_text('p')),
                               publish_options().timeout(5s).lifetime(1h).salt(long_text('s')).sequence(4))))
        failed += " publish";
    if (!(co_await own.publish(author_of(1), to_bytes(long_text('q')),
                               publish_options().salt(to_bytes(long_text('s'))).expect_sequence(4))))
        failed += " expect";
    if (!(co_await own.retract(author_of(1), publish_options().salt(long_text('s'))))) failed += " retract";
    // Of a namespace that nobody here knows: the name is what is built.
    if (co_await own.publish(author_of(2), to_bytes(long_text('n')), publish_options().name_space(long_text('n'))))
        failed += " name_space";
    if (!(co_await own.announce(
            announce_options().group(address_group::ip).name(long_text('m')).lifetime(1h).timeout(5s))))
        failed += " announce";
    if (!(co_await own.lookup(other, get_options().timeout(5s).paths(2)))) failed += " lookup";
    if (!(co_await own.resolve_peer(own.id(), get_options().timeout(5s).results(2)))) failed += " resolve";
    if (co_await own.ping(address(own.addresses().front()), std::optional<node_id>(own.id()), 5s))
        failed += " ping_self";
    co_return failed;
}

task<std::string> calls(node own, node other) {
    std::string failed;
    auto opened = co_await own.open(other.id(), std::string(long_text('o')), 5s);
    if (!opened) failed += " open";
    if (opened) {
        (void)co_await opened->write(as_bytes(long_text('w')));
        bytes part(200);
        const auto got = co_await opened->read_some(part);
        if (!got || *got != 60) failed += " stream";
    }
    if (!(co_await own.open(other.as_contact(), long_text('o')))) failed += " open_contact";
    // Lists in braces are no arguments there: g++ 12 does not compile them.
    if (!(co_await own.open(contact_of(other.key(), 0, std::vector<address>(other.addresses())), long_text('o'))))
        failed += " open_made";
    const auto answer =
        co_await own.call(other.id(), long_text('c'), to_bytes(long_text('x')),
                          call_options().timeout(5s).limits(call_limits()).attach(attachment(1'000, source_of(1'000))));
    if (!answer || answer->size() != 1'060) failed += " call";
    if (!(co_await own.call(other.as_contact(), long_text('c'), to_bytes(long_text('x'))))) failed += " call_contact";
    const auto twice = co_await call<Question, Answer>(own, other.id(), long_text('t'), question(long_text('y')),
                                                       call_options().timeout(5s));
    if (!twice || twice->root().getTexts().size() != 2) failed += " typed";
    const auto again =
        co_await call<Question, Answer>(own, other.as_contact(), long_text('t'), question(long_text('y')));
    if (!again || again->root().getTexts().size() != 2) failed += " typed_contact";
    co_return failed;
}

}  // namespace

TEST_CASE("options and arguments may be written inside the co_await expression that uses them", "[node][style]") {
    scenario s({});
    REQUIRE(s.grow(8) == 0);
    s.at(1).serve(long_text('o'), [kept = long_text('l')](stream with) { return say_back(std::move(with)); });
    s.at(1).serve(long_text('c'), make_call_service([kept = long_text('l')](incoming_call& c) { return read_all(c); }));
    serve_calls<Question, Answer>(s.at(1), long_text('t'), repeat, call_limits());
    CHECK(s.run(values(s.at(0))) == "");
    CHECK(s.run(records(s.at(0), s.id_of(1))) == "");
    CHECK(s.run(calls(s.at(0), s.at(1))) == "");
}
