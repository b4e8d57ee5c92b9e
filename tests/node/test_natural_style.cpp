// Every option and argument of a node's calls as one naturally writes it: built inside the co_await expression that
// uses it. g++ 12.2 destroys aggregates that are built there twice, so all these types have constructors of their own;
// of one that has not, this is the test that aborts. It is also a program of its own, `natural_style`, in which nothing
// that is destroyed twice goes unseen.

#include <memory>
#include <string>
#include <type_traits>

#include <mydht/crypto/ids.hpp>
#include <mydht/node/capnp_service.hpp>
#include <mydht/runtime/channel.hpp>
#include <mydht/runtime/deadline.hpp>
#include <mydht/runtime/run_on.hpp>
#include <mydht/sim/scenario.hpp>
#include <mydht/store/memory_store.hpp>

#include "calls.capnp.h"
#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace std::chrono_literals;

namespace {

/// What may be written with braces in a co_await expression: it is no aggregate, or being destroyed twice does nothing.
template <typename... Types>
constexpr bool safe_when_written_there = ((!std::is_aggregate_v<Types> ||
                                           std::is_trivially_destructible_v<Types>)&&...);

// What calls of nodes, stores and Cap'n Proto services take by value; contacts are made by contact_of().
static_assert(
    safe_when_written_there<get_options, put_options, publish_options, announce_options, request_options, call_options,
                            serve_options, call_limits, attachment, request_target, query_mode>);
static_assert(safe_when_written_there<value, node_id, public_key, address, identity, store_entry, store_cursor,
                                      service_question, stream, event_stream, call_service, admission_verdict>);
// And all that they give.
static_assert(
    safe_when_written_there<put_report, get_report, ping_report, request_report, request_answer, store_usage>);

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
    if (!(co_await own.get(value::immutable(long_text('b')).key(), get_options().disjoint_paths(2).local(false))))
        failed += " get_paths";
    if (co_await own.get(value::immutable(long_text('?')).key(), get_options().mode(proxied()).rounds(2).timeout(2s)))
        failed += " get_rounds";
    if (!(co_await own.get(value::immutable(long_text('b')).key(), get_options().local()))) failed += " get_local";
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
    if (!(co_await own.lookup(other, get_options().timeout(5s).disjoint_paths(2)))) failed += " lookup";
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
        if (!(co_await opened->accepted())) failed += " accepted";
        if (!(co_await opened->finish()) || !(co_await opened->flushed())) failed += " finish";
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

task<std::string> requests(node own, node other) {
    std::string failed;
    const auto far =
        co_await own.request(other.as_contact(), long_text('r'), to_bytes(long_text('x')),
                             request_options().timeout(5s).mode(proxied()).hops(8).fan_out(3).spread(6).priority(200));
    if (!far || far->reply().size() != 60) failed += " request";
    if (!(co_await own.request(request_target::peer(other.id()), long_text('r'), to_bytes(long_text('x')),
                               request_options().mode(mixed(2)))))
        failed += " request_peer";
    if (!(co_await own.request(request_target::key(id256(other.id())), long_text('r'), to_bytes(long_text('x')),
                               request_options().mode(direct()).results(2))))
        failed += " request_key";
    if (!(co_await own.request(contact_of(other.key(), 0, std::vector<address>(other.addresses())), long_text('r'),
                               to_bytes(long_text('x')))))
        failed += " request_made";
    const auto text = (co_await own.request(request_target(other.as_contact()), long_text('r'), bytes(70, 'z')))
                          .map([](const request_report& r) { return std::string(as_text(r.reply())); })
                          .value_or(long_text('?'));
    if (text != std::string(70, 'z')) failed += " request_text";
    co_return failed;
}

/// What applications put around a node's calls.
task<std::string> around(node own, time_source& time, executor here) {
    std::string failed;
    const auto key = value::immutable(long_text('b')).key();
    if (!(co_await with_deadline(time, time.now() + 5s, own.get(id256(key), get_options().mode(proxied()).results(2)))))
        failed += " deadline";
    if (!(co_await run_on(here, own.get(id256(key), get_options().timeout(5s))))) failed += " run_on";
    // Nothing happens meanwhile, or something does: what counts is the stream that is built here.
    (void)co_await with_deadline(time, time.now() + 1s, event_stream(own.events(8)).next());
    any_store kept{memory_store()};
    if (!(co_await kept.put(
            store_entry(value::immutable(long_text('e')).with_deadline(time.wall_now() + 1h), time.wall_now()),
            std::optional<std::uint64_t>(), time.wall_now())))
        failed += " store";
    if ((co_await own.contacts()).empty() || (co_await own.status()).contacts == 0) failed += " status";
    channel<std::string> line(4);
    if (!(co_await line.send(long_text('l'))) || (co_await line.receive()).value_or("") != long_text('l'))
        failed += " channel";
    co_return failed;
}

}  // namespace

TEST_CASE("options and arguments may be written inside the co_await expression that uses them", "[node][style]") {
    scenario s({});
    REQUIRE(s.grow(8) == 0);
    s.at(1).serve(long_text('o'), [kept = long_text('l')](stream with) { return say_back(std::move(with)); });
    s.at(1).serve(long_text('c'), make_call_service([kept = long_text('l')](incoming_call& c) { return read_all(c); }));
    serve_calls<Question, Answer>(s.at(1), long_text('t'), repeat, call_limits());
    for (const auto index : s.running())
        s.at(index).serve(long_text('r'), make_call_service(read_all, call_limits()), serve_options().forwarded());
    CHECK(s.run(values(s.at(0))) == "");
    CHECK(s.run(records(s.at(0), s.id_of(1))) == "");
    CHECK(s.run(calls(s.at(0), s.at(1))) == "");
    CHECK(s.run(requests(s.at(0), s.at(1))) == "");
    const auto here = s.world().driver_environment();
    CHECK(s.run(around(s.at(0), *here.time, here.exec)) == "");
}
