#include <mydht/crypto/service_request.hpp>

#include <algorithm>
#include <limits>
#include <utility>

#include <mydht/core/body.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/core/service_name.hpp>
#include <mydht/crypto/hash.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/crypto/noise.hpp>

namespace mydht {

namespace {

constexpr std::uint8_t body_version = 1;

/// Beyond an application's bytes: a Noise message's key and tag, and the fields of a request with the longest name.
constexpr std::size_t sealing_bytes = noise::public_key::size + noise::tag_bytes;
constexpr std::size_t request_head_bytes = 1 + 8 + loop_tag::size + 1 + limits::service_name_bytes;
static_assert(limits::request_bytes + request_head_bytes + sealing_bytes <= limits::request_body_bytes);
static_assert(limits::request_body_bytes <= noise::message_bytes_max);
static_assert(1 + public_key::size + sealing_bytes + 1 + limits::request_bytes <= limits::request_body_bytes);
static_assert(limits::request_body_bytes <= limits::item_body_bytes);

const noise::protocol& exchange() {
    static const auto named = noise::protocol::parse("Noise_NK_25519_ChaChaPoly_BLAKE2b").value();
    return named;
}

bytes prologue_of(const loop_tag& tag, const node_id& peer) {
    constexpr std::string_view label = "mydht/1 request";
    body_writer out;
    out.fixed(as_bytes(label)).u8(0).fixed(tag.view()).fixed(peer.view());
    return out.take();
}

bytes encode(const service_request& what) {
    body_writer out;
    out.u8(body_version).u64(static_cast<std::uint64_t>(what.deadline.time_since_epoch().count()));
    out.fixed(what.number.view())
        .u8(static_cast<std::uint8_t>(what.service.size()))
        .fixed(as_bytes(what.service))
        .fixed(what.body);
    return out.take();
}

result<service_request> decode(bytes_view data, wall_time now, std::chrono::milliseconds lifetime_max) {
    body_reader in(data);
    const auto version = in.u8();
    if (in.failed()) return failure(errc::truncated);
    if (version != body_version) return failure(errc::unknown_version);
    const auto deadline = in.u64();
    const auto number = in.fixed(loop_tag::size);
    const auto name = in.fixed(in.u8());
    if (in.failed()) return failure(errc::truncated);
    if (in.left() > limits::request_bytes) return failure(errc::too_large);
    service_request out;
    out.number = *loop_tag::from_bytes(number);
    out.service.assign(name.begin(), name.end());
    if (!valid_service_name(out.service)) return failure(errc::malformed);
    out.body = to_bytes(in.fixed(in.left()));
    // A time that cannot be represented is in the far future, where no request may end.
    constexpr auto last = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    out.deadline = wall_time(std::chrono::milliseconds(static_cast<std::int64_t>(std::min(deadline, last))));
    const bool passed = out.deadline <= now - limits::clock_skew_max;
    if (passed || out.deadline > now + lifetime_max + limits::clock_skew_max) return failure(errc::value_expired);
    return out;
}

}  // namespace

bytes encode_reply(const service_reply& what) {
    body_writer out;
    out.u8(static_cast<std::uint8_t>(what.outcome));
    if (what.outcome == reply_outcome::failed) out.u32(what.code);
    if (what.outcome == reply_outcome::done) out.fixed(what.body);
    return out.take();
}

result<service_reply> decode_reply(bytes_view data) {
    body_reader in(data);
    service_reply out;
    const auto outcome = in.u8();
    if (outcome > static_cast<std::uint8_t>(reply_outcome::late)) return failure(errc::malformed);
    out.outcome = static_cast<reply_outcome>(outcome);
    if (out.outcome == reply_outcome::failed) out.code = in.u32();
    if (out.outcome == reply_outcome::done) {
        if (in.left() > limits::request_bytes) return failure(errc::too_large);
        out.body = to_bytes(in.fixed(in.left()));
    }
    if (auto whole = in.end(); !whole) return failure(whole.error());
    return out;
}

// --- sealed for a peer -----------------------------------------------------------------------------------------------

struct sealed_request::state {
    state(bytes prologue_, noise::public_key to_, noise::handshake begun_)
        : prologue(std::move(prologue_)), to(to_), begun(std::move(begun_)) {}

    bytes prologue;
    noise::public_key to;
    noise::handshake begun;
    bytes body;
};

result<sealed_request> sealed_request::make(const public_key& to, const loop_tag& tag, const service_request& what,
                                            random_source& random) {
    if (what.body.size() > limits::request_bytes) return failure(errc::too_large);
    if (!valid_service_name(what.service)) return failure(errc::bad_argument);
    const auto static_key = noise::noise_key_of(to);
    if (!static_key) return failure(static_key.error());
    auto prologue = prologue_of(tag, node_id_of(to));
    noise::handshake_config config(exchange(), noise::role::initiator);
    config.prologue = prologue;
    config.remote_static = *static_key;
    config.random = &random;
    auto begun = noise::handshake::create(config);
    if (!begun) return failure(begun.error());
    auto made = std::make_unique<state>(std::move(prologue), *static_key, std::move(*begun));
    auto plain = encode(what);
    auto body = made->begun.write(plain);
    if (!body) return failure(body.error());
    made->body = std::move(*body);
    return sealed_request(std::move(made));
}

sealed_request::sealed_request(std::unique_ptr<state> made) noexcept : state_(std::move(made)) {}
sealed_request::sealed_request(sealed_request&&) noexcept = default;
sealed_request& sealed_request::operator=(sealed_request&&) noexcept = default;
sealed_request::~sealed_request() = default;

const bytes& sealed_request::body() const noexcept { return state_->body; }

/// On a copy, since a handshake is over when what it reads is wrong.
result<bytes> sealed_request::open_reply(bytes_view sealed) const {
    const auto saved = state_->begun.save();
    noise::handshake_config config(exchange(), noise::role::initiator);
    config.prologue = state_->prologue;
    config.remote_static = state_->to;
    config.ephemeral = &saved.ephemeral;
    auto copy = noise::handshake::resume(config, saved);
    if (!copy) return failure(copy.error());
    return copy->read(sealed);
}

struct opened_request::state {
    state(noise::handshake begun_, service_request what_) : begun(std::move(begun_)), what(std::move(what_)) {}

    noise::handshake begun;
    service_request what;
};

result<opened_request> opened_request::open(const identity& self, const loop_tag& tag, bytes_view sealed, wall_time now,
                                            std::chrono::milliseconds lifetime_max, random_source& random) {
    const auto own = noise::static_key_of(self);
    const auto prologue = prologue_of(tag, self.id());
    noise::handshake_config config(exchange(), noise::role::responder);
    config.prologue = prologue;
    config.static_keys = &own;
    config.random = &random;
    auto begun = noise::handshake::create(config);
    if (!begun) return failure(begun.error());
    const auto plain = begun->read(sealed);
    if (!plain) return failure(plain.error());
    auto what = decode(*plain, now, lifetime_max);
    if (!what) return failure(what.error());
    return opened_request(std::make_unique<state>(std::move(*begun), std::move(*what)));
}

opened_request::opened_request(std::unique_ptr<state> opened) noexcept : state_(std::move(opened)) {}
opened_request::opened_request(opened_request&&) noexcept = default;
opened_request& opened_request::operator=(opened_request&&) noexcept = default;
opened_request::~opened_request() = default;

const service_request& opened_request::what() const noexcept { return state_->what; }

result<bytes> opened_request::seal(bytes_view reply) { return state_->begun.write(reply); }

// --- signed ----------------------------------------------------------------------------------------------------------

id256 question_of(const loop_tag& tag, const id256& target, std::string_view service, bytes_view body) {
    return hash_id("mydht.request", {tag.view(), target.view(), as_bytes(service), body});
}

item sign_reply(const identity& self, const id256& question, bytes_view payload) {
    item out;
    out.kind = item_kind::reply;
    out.body = body_writer().u8(body_version).fixed(self.key().view()).fixed(payload).take();
    out.sig = self.sign(reply_kind, body_writer().fixed(question.view()).fixed(out.body).data());
    return out;
}

result<signed_reply> open_reply(const item& what, const id256& question) {
    if (what.kind != item_kind::reply) return failure(errc::malformed);
    if (what.body.size() > limits::request_body_bytes) return failure(errc::too_large);
    body_reader in(what.body);
    const auto version = in.u8();
    if (in.failed()) return failure(errc::truncated);
    if (version != body_version) return failure(errc::unknown_version);
    const auto answerer = in.fixed(public_key::size);
    if (in.failed()) return failure(errc::truncated);
    signed_reply out;
    out.answerer = *public_key::from_bytes(answerer);
    out.payload = to_bytes(in.fixed(in.left()));
    const auto signed_bytes = body_writer().fixed(question.view()).fixed(what.body).take();
    if (auto by = verify(out.answerer, reply_kind, signed_bytes, what.sig); !by) return failure(by.error());
    return out;
}

}  // namespace mydht
