// Both sides of a session begin a handshake for new keys at once. Only the side that dialled begins of itself here, so
// that a peer by hand does what another implementation may.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mydht/wire/codec.hpp>

#include "datagram_sides.hpp"
#include "fixture.hpp"
#include "packet_net.hpp"
#include "session/codecs.hpp"

namespace mydht::test {

namespace {

using detail::session_ciphers;
using wire::packet_type;

/// What happens to the four packets of two handshakes, in some order.
enum class step { own_initial, peers_initial, peers_answer, own_answer };

/// Each packet that makes a peer answer comes before its answer.
const std::vector<std::array<step, 4>>& orders() {
    static const auto all = [] {
        std::vector<std::array<step, 4>> out;
        std::array order{step::own_initial, step::peers_initial, step::peers_answer, step::own_answer};
        do {
            const auto at = [&](step what) { return std::ranges::find(order, what); };
            if (at(step::own_initial) < at(step::peers_answer) && at(step::peers_initial) < at(step::own_answer))
                out.push_back(order);
        } while (std::next_permutation(order.begin(), order.end()));
        return out;
    }();
    return all;
}

session_config quick() {
    session_config out;
    out.idle_timeout = 1h;
    out.agreement = &noise::fast_dh();
    return out;
}

task<> ask(session over, steady_time deadline, int& answered) {
    const auto got = co_await over.request(wire::ping(), deadline);
    answered += got ? 1 : 0;
}

/// A node that has dialled, and its peer by hand, whose id is smaller or larger than the node's. Packets travel when
/// the test says.
class two_renewers {
public:
    explicit two_renewers(bool peer_is_smaller) {
        std::uint64_t seed = 500;
        do {
            side_.emplace(++seed, quick());
        } while ((side_->party.self->id() < node_.self->id()) != peer_is_smaller);
        REQUIRE(w_.run(node_.pool->listen(mem("node"))));
        w_.advance(3s);
        net_.tamper = [this](packet_net::packet& one) {
            if (one.to == mem("peer")) sent_.push_back(one.data);
            return false;
        };
        std::optional<result<session>> link;
        const auto who = contact_of(side_->party.self->key(), 1, {mem("peer")});
        asio::co_spawn(w_.context, node_.pool->connect(who, node_.in(10s)),
                       [&](std::exception_ptr, result<session> got) { link.emplace(std::move(got)); });
        w_.poll();
        deliver(answer(take(packet_type::initial).value()));
        REQUIRE((link && *link));
        link_ = **link;
        hear_all();
        // Old enough to want new keys.
        w_.time->advance(121s);
        w_.poll();
        hear_all();
    }
    two_renewers(const two_renewers&) = delete;
    two_renewers& operator=(const two_renewers&) = delete;
    ~two_renewers() {
        net_.tamper = {};
        w_.run(node_.pool->stop(0s));
    }

    /// Both begin.
    void begin() {
        ask_peer();
        packets_[step::own_initial] = take(packet_type::initial);
        REQUIRE(packets_[step::own_initial]);
        hear_all();
        begin_of_peer();
        packets_[step::peers_initial] = to_bytes(initiator_->packet());
    }
    /// One of the four comes to where it is for, or is lost. Packets of both sides are under way meanwhile.
    void happens(step what, bool lost) {
        ask_peer();
        auto from_node = take(packet_type::transport);
        const auto from_peer = pinged();
        auto packet = std::exchange(packets_[what], std::nullopt);
        if (packet && !lost) comes(what, *packet);
        // What was said before comes after.
        if (from_node) hear(*from_node);
        say(from_peer);
        talk();
    }
    /// Both hear what the other one says now.
    void talk() {
        say(pinged());
        ask_peer();
        hear_all();
        CHECK(answered_ == asked_);
    }
    /// Nothing is lost any more, and whoever was not answered begins again.
    void settle() {
        for (int i = 0; i < 6; ++i) {
            w_.advance(1s);
            if (initiator_) {
                begin_of_peer();
                comes(step::peers_initial, to_bytes(initiator_->packet()));
                if (auto packet = std::exchange(packets_[step::own_answer], std::nullopt))
                    comes(step::own_answer, *packet);
            }
            while (auto packet = take(packet_type::initial)) {
                comes(step::own_initial, *packet);
                if (auto back = std::exchange(packets_[step::peers_answer], std::nullopt))
                    comes(step::peers_answer, *back);
            }
            hear_all();
            talk();
        }
    }
    /// Whose handshake made the keys that both use: 0 for the first ones, 1 for the node's, 2 for the peer's.
    [[nodiscard]] int winner() {
        ask_peer();
        const auto packet = take(packet_type::transport);
        REQUIRE(packet);
        const auto index = wire::receiver_of(*packet);
        hear(*packet);
        CHECK(keys_->own_index() == index);
        return made_by_.at(index);
    }
    [[nodiscard]] const session_counters& counters() const { return node_.pool->counters(); }
    [[nodiscard]] bool alive() const { return node_.closed.empty() && node_.pool->size() == 1; }
    [[nodiscard]] int unheard() const { return unheard_; }

private:
    // --- packets -----------------------------------------------------------------------------------------------------
    void deliver(const bytes& packet) {
        net_.inject({mem("peer"), mem("node"), packet});
        w_.poll();
    }
    std::optional<bytes> take(packet_type type) {
        const auto at = std::ranges::find_if(sent_, [&](const bytes& each) { return wire::type_of(each) == type; });
        if (at == sent_.end()) return std::nullopt;
        auto out = std::move(*at);
        sent_.erase(at);
        return out;
    }
    void comes(step what, const bytes& packet) {
        switch (what) {
            case step::own_initial: {
                auto back = answer(packet);
                if (!back.empty()) packets_[step::peers_answer] = std::move(back);
                return;
            }
            case step::peers_initial:
                deliver(packet);
                packets_[step::own_answer] = take(packet_type::answer);
                return;
            case step::peers_answer: return deliver(packet);
            case step::own_answer: return take_answer(packet);
        }
    }

    // --- what the peer does ------------------------------------------------------------------------------------------
    void begin_of_peer() {
        detail::datagram_goal goal;
        goal.known = node_.self->key();
        goal.own_index = ++indices_;
        goal.token = side_->tokens.token_for(goal.own_index);
        goal.renews = keys_->peer_index();
        made_by_[goal.own_index] = 2;
        const auto stamp = keys_->stamp_rekey(w_.time->wall_now());
        initiator_.emplace(detail::datagram_initiator::begin(side_->party, goal, stamp, {}).value());
    }
    void take_answer(const bytes& packet) {
        if (!initiator_) return;
        REQUIRE(initiator_->take_answer(packet));
        keys_->install(initiator_->finish().value().keys, w_.time->now());
        initiator_.reset();
    }
    /// The answer to a first packet of the node, or nothing.
    bytes answer(const bytes& packet) {
        auto initial = accept_packet(side_->party, packet);
        REQUIRE(initial);
        if (initial->renews() != 0) {
            if (initiator_ && side_->party.self->id() < node_.self->id()) return {};
            if (!keys_->note_rekey(initial->renews(), initial->stamp(), w_.time->now())) return {};
        }
        const auto index = ++indices_;
        auto out = initial->answer(index, side_->tokens.token_for(index), {}, packet.size()).value();
        made_by_[index] = initial->renews() != 0 ? 1 : 0;
        if (initial->renews() != 0) {
            keys_->expect(initial->finish().keys, w_.time->now());
            initiator_.reset();
        } else {
            keys_.emplace(initial->finish().keys, w_.time->now());
        }
        return out;
    }
    [[nodiscard]] bytes sealed(bytes_view frames) {
        bytes out(wire::transport_header_bytes + frames.size());
        std::ranges::copy(frames, bytes_span(out).subspan(wire::transport_header_bytes).begin());
        REQUIRE(keys_->seal(out));
        return out;
    }
    [[nodiscard]] bytes pinged() {
        bytes out;
        wire::append_ping(out, wire::frame_kind::ping, {});
        return sealed(out);
    }
    /// A packet of the peer's that the node has to understand.
    void say(const bytes& packet) {
        const auto refused = counters().packets_refused;
        deliver(packet);
        CHECK(counters().packets_refused == refused);
    }
    void ask_peer() {
        ++asked_;
        asio::co_spawn(w_.context, ask(link_, node_.in(1h), answered_), [](std::exception_ptr) {});
        w_.poll();
    }
    void hear(bytes packet) {
        const auto plain = keys_->open(packet, w_.time->now());
        if (!plain) {
            ++unheard_;
            return;
        }
        wire::frame_decoder decoder;
        bytes_view rest(*plain);
        for (;;) {
            const auto frame = decoder.next(rest);
            REQUIRE(frame);
            if (!*frame) return;
            if ((*frame)->kind != wire::frame_kind::message) continue;
            auto envelope = wire::capnp_codec().decode((*frame)->payload, {}, nullptr);
            REQUIRE(envelope);
            envelope->body = wire::pong();
            bytes back;
            const auto place = wire::begin_frame(back, wire::frame_kind::message, wire::control_channel);
            REQUIRE(wire::capnp_codec().encode(*envelope, back));
            REQUIRE(wire::end_frame(back, place));
            say(sealed(back));
        }
    }
    void hear_all() {
        while (auto packet = take(packet_type::transport)) hear(*packet);
    }

    world w_;
    packet_net net_{w_.time};
    peer node_{w_, net_.transport(), quick()};
    std::optional<datagram_side> side_;
    session link_;
    std::vector<bytes> sent_;
    std::map<step, std::optional<bytes>> packets_;
    std::optional<detail::datagram_initiator> initiator_;
    std::optional<session_ciphers> keys_;
    std::map<std::uint32_t, int> made_by_;
    std::uint32_t indices_ = 0x500;
    int asked_ = 0;
    int answered_ = 0;
    int unheard_ = 0;
};

}  // namespace

TEST_CASE("of two handshakes for new keys that cross, that of the smaller id goes on, in any order of their packets",
          "[datagrams][crossing]") {
    REQUIRE(orders().size() == 6);
    const bool peer_is_smaller = GENERATE(false, true);
    for (std::size_t order = 0; order < orders().size(); ++order) {
        CAPTURE(peer_is_smaller, order);
        two_renewers both(peer_is_smaller);
        both.begin();
        for (const auto each : orders()[order]) both.happens(each, false);
        CHECK(both.winner() == (peer_is_smaller ? 2 : 1));
        both.settle();
        CHECK(both.winner() == (peer_is_smaller ? 2 : 1));
        CHECK(both.unheard() == 0);
        CHECK(both.counters().requests_repeated == 0);
        CHECK(both.alive());
    }
}

TEST_CASE("whichever packets of two handshakes for new keys are lost, both sides understand each other",
          "[datagrams][crossing]") {
    const bool peer_is_smaller = GENERATE(false, true);
    for (std::size_t order = 0; order < orders().size(); ++order) {
        for (unsigned lost = 1; lost < 16; ++lost) {
            CAPTURE(peer_is_smaller, order, lost);
            two_renewers both(peer_is_smaller);
            both.begin();
            for (unsigned i = 0; i < 4; ++i) both.happens(orders()[order][i], (lost >> i & 1U) != 0);
            both.settle();
            CHECK(both.winner() != 0);
            CHECK(both.unheard() == 0);
            CHECK(both.alive());
        }
    }
}

}  // namespace mydht::test
