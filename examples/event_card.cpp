// A struct with a list of its fields is a value: written in every encoding by one node, read by another.
#include <iostream>
#include <mydht/node/node.hpp>
#include <mydht/wire/codec.hpp>
#include <mydht/wire/described.hpp>

using namespace mydht;

struct seat_offer {
    std::string row;
    std::uint32_t price = 0;
    friend bool operator==(const seat_offer&, const seat_offer&) = default;
};

struct event_card {
    std::string title;
    wall_time begins{};
    std::vector<seat_offer> seats;
    std::optional<std::string> note;
    friend bool operator==(const event_card&, const event_card&) = default;
};

template <>
struct mydht::wire::described<seat_offer> {
    static constexpr std::string_view name = "seat_offer";
    static constexpr auto fields =
        std::tuple(member<&seat_offer::row>(1, "row"), member<&seat_offer::price>(2, "price"));
};

template <>
struct mydht::wire::described<event_card> {
    static constexpr std::string_view name = "event_card";
    static constexpr auto fields =
        std::tuple(member<&event_card::title>(1, "title"), member<&event_card::begins>(2, "begins"),
                   member<&event_card::seats>(3, "seats"), member<&event_card::note>(4, "note"));
};

result<value> as_value(const event_card& card, wire::any_codec codec) {
    bytes content;
    const auto written = codec.encode_value(card, content);
    if (!written) return failure(written.error());
    return value::immutable(content);
}

// Whoever stored it may have written anything: what does not fit is an error, and says why.
result<event_card> as_card(const value& found, wire::any_codec codec) {
    wire::decode_error why;
    auto card = codec.decode_value<event_card>(found.content(), {}, &why);
    if (!card) std::cout << "no card: " << why.field << ": " << card.error().message() << "\n";
    return card;
}

task<bool> store_and_find(node at, node from, const event_card& card, wire::any_codec codec) {
    const auto written = as_value(card, codec);
    if (!written) co_return false;
    auto key = co_await at.put(*written);
    if (!key) co_return false;
    const auto found = co_await from.get(*key);
    if (!found) co_return false;
    const auto read = as_card(found->best, codec);
    std::cout << codec.name() << ": " << written->content().size() << " bytes\n";
    co_return read&&* read == card;
}

task<> run(environment env, bool& same) {
    node_config config;
    config.listen.push_back(*parse_address("udp://127.0.0.1:0"));
    node first(env, std::move(config));
    auto listening = co_await first.start();
    if (!listening) co_return;
    node_config other;
    other.bootstrap.push_back(*parse_location(first.addresses().front().text()));
    node second(env, std::move(other));
    auto joined = co_await second.start();
    event_card card;
    card.title = "An evening with fugues";
    card.begins = wall_time(std::chrono::hours(500'000));
    card.seats = {{"A", 40}, {"B", 25}};
    same = joined.has_value();
    for (const auto& codec : wire::all_codecs()) {
        auto one = co_await store_and_find(first, second, card, codec);
        same = same && one;
    }
    co_await second.stop();
    co_await first.stop();
}

int main() {
    bool same = false;
    run([&same](environment env) { return run(std::move(env), same); });
    return same ? 0 : 1;
}
