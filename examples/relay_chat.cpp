// Ann and Bob cannot connect to each other and chat through Carol, who cannot read what they say: requests that travel.
#include <algorithm>
#include <iostream>
#include <map>
#include <mydht/core/application_error.hpp>  // errors of one's own
#include <mydht/crypto/identity.hpp>         // to sign, and to verify
#include <mydht/node/node.hpp>               // everything else

using namespace mydht;
constexpr std::uint32_t not_a_friend = 1;

struct letter {
    public_key author;
    std::uint64_t number = 0;  // each author counts its letters
    std::string text;
};

// What is signed, so that a letter to one friend is none to another: for whom, the number, the text.
bytes words_of(const letter& what, const node_id& to) {
    auto out = to_bytes(to.view());
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(what.number >> shift));
    const auto text = as_bytes(what.text);
    out.insert(out.end(), text.begin(), text.end());
    return out;
}

// The request: the author's key, the signature, and the words behind the receiver's id.
bytes signed_by(const identity& author, const letter& what, const node_id& to) {
    const auto words = words_of(what, to);
    const auto sign = author.sign("relay-chat", words);
    auto out = to_bytes(author.key().view());
    out.insert(out.end(), sign.view().begin(), sign.view().end());
    out.insert(out.end(), words.begin() + node_id::size, words.end());
    return out;
}

result<letter> opened(bytes_view request, const node_id& to) {
    constexpr std::size_t head = public_key::size + signature::size + 8;
    if (request.size() < head) return failure(errc::truncated);
    letter out;
    out.author = *public_key::from_bytes(request.first(public_key::size));
    const auto sign = *signature::from_bytes(request.subspan(public_key::size, signature::size));
    for (const auto byte : request.subspan(head - 8, 8)) out.number = out.number << 8U | byte;
    out.text = as_text(request.subspan(head));
    const auto good = verify(out.author, "relay-chat", words_of(out, to), sign);
    if (!good) return failure(good.error());
    return out;
}

struct person {
    person(std::string name_, random_source& random)
        : name(std::move(name_)), self(std::make_shared<const identity>(identity::generate(random))) {}
    std::string name;
    std::shared_ptr<const identity> self;
    std::map<public_key, std::uint64_t> friends;  // and the last number of each
    std::uint64_t written = 0;
};

// Anybody can send a request that travels, so what counts is the signature inside.
task<result<bytes>> hear(person& me, incoming_call& call) {
    const auto got = opened(call.request(), me.self->id());
    const auto from = got ? me.friends.find(got->author) : me.friends.end();
    if (from == me.friends.end()) co_return failure(application_error(not_a_friend));
    // One that comes again was heard: its answer was lost on the way.
    if (got->number > from->second) std::cout << me.name << " hears: " << got->text << "\n";
    from->second = std::max(from->second, got->number);
    co_return to_bytes("heard");
}

task<result<bytes>> say(node through, person& me, request_target to, std::string text) {
    letter what{me.self->key(), ++me.written, std::move(text)};
    const auto request = signed_by(*me.self, what, to.id());
    result<bytes> said = failure(errc::timed_out);
    // Nobody knows whether it was heard. The number says that it is the same one.
    const auto unknown = [&] {
        return !said && (said.error() == errc::timed_out || said.error() == errc::answer_lost);
    };
    for (int attempt = 0; attempt < 3 && unknown(); ++attempt) {
        auto got = co_await through.request(to, "chat/1", request, request_options().mode(proxied()));
        if (got) said = got->reply();
        if (!got) said = failure(got.error());
    }
    co_return said;
}

node_config settings(const person& whose, const person& kept_out, const node& through) {
    node_config out;
    out.self = whose.self;
    out.bootstrap = {*parse_location(through.addresses().front().text())};
    out.sessions.admission.deny = {kept_out.self->id()};
    return out;
}

task<> meet(environment env, bool& well) {
    person ann("Ann", *env.secure_random), bob("Bob", *env.secure_random), eve("Eve", *env.secure_random);
    ann.friends[bob.self->key()] = bob.friends[ann.self->key()] = 0;
    node_config relaying;
    relaying.listen = {*parse_address("udp://127.0.0.1:0")};
    node carol(env, std::move(relaying));
    const auto listening = co_await carol.start();
    if (!listening) co_return;

    node anns(env, settings(ann, bob, carol)), bobs(env, settings(bob, ann, carol));
    anns.serve("chat/1", make_call_service([&ann](incoming_call& c) { return hear(ann, c); }),
               serve_options().forwarded());
    bobs.serve("chat/1", make_call_service([&bob](incoming_call& c) { return hear(bob, c); }),
               serve_options().forwarded());
    const auto one = co_await anns.start();
    const auto other = co_await bobs.start();
    const auto called = co_await anns.call(bobs.as_contact(), "chat/1", bytes());
    const auto first = co_await say(anns, ann, request_target::peer(bobs.id()), "hello, Bob");
    const auto second = co_await say(bobs, bob, anns.as_contact(), "hello, Ann");
    const auto third = co_await say(anns, eve, request_target::peer(bobs.id()), "I am Ann, too");
    well = one && other && !called && first && second && third.error() == application_error(not_a_friend);
    co_await anns.stop();
    co_await bobs.stop();
    co_await carol.stop();
}

int main() {
    bool well = false;
    run([&well](environment env) { return meet(std::move(env), well); });
    return well ? 0 : 1;
}
