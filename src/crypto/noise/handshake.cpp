#include <mydht/crypto/noise/handshake.hpp>

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

#include "symmetric_state.hpp"

namespace mydht::noise {

namespace {

constexpr std::size_t key_bytes = noise::public_key::size;

bool is_complete(const handshake_config& config) {
    const auto& protocol = config.protocol;
    if (protocol.needs_static(config.role) && config.static_keys == nullptr) return false;
    if (protocol.needs_remote_static(config.role) != config.remote_static.has_value()) return false;
    if (protocol.psks() != config.psks.size() || config.agreement == nullptr) return false;
    return config.random != nullptr || config.ephemeral != nullptr;
}

}  // namespace

struct handshake::state {
    explicit state(const handshake_config& config);
    state(const handshake_config& config, const saved_handshake& from);

    [[nodiscard]] bool done() const noexcept { return next == protocol.messages(); }
    [[nodiscard]] bool my_turn() const noexcept { return (next % 2 == 0) == (side == role::initiator); }

    [[nodiscard]] bool expects(bool write) const noexcept { return !dead && !done() && my_turn() == write; }

    [[nodiscard]] std::size_t overhead() const noexcept;
    [[nodiscard]] result<bytes> write(bytes_view payload);
    [[nodiscard]] result<bytes> read(bytes_view message);
    [[nodiscard]] result<void> write_step(token step, bytes& out);
    [[nodiscard]] result<void> read_step(token step, bytes_view& rest);
    [[nodiscard]] result<void> mix_secret(token step);
    void mix_ephemeral(const noise::public_key& part);
    void take_keys(const handshake_config& config);
    void forget() noexcept;

    noise::protocol protocol;
    noise::role side;
    symmetric_state symmetric;
    const dh& agreement;
    random_source* random;
    key_pair own_static;
    std::optional<key_pair> own_ephemeral;  // before its token only when it was given
    std::optional<noise::public_key> remote_static;
    noise::public_key remote_ephemeral;
    std::vector<secret<32>> psks;
    std::size_t psks_used = 0;
    std::size_t next = 0;  // number of the next message
    bool dead = false;     // failed, or split already
};

handshake::state::state(const handshake_config& config)
    : protocol(config.protocol),
      side(config.role),
      symmetric(config.protocol.hash(), config.protocol.name(config.agreement->name())),
      agreement(*config.agreement),
      random(config.random),
      remote_static(config.remote_static) {
    take_keys(config);
    if (config.ephemeral != nullptr) own_ephemeral = config.ephemeral->clone();

    symmetric.mix_hash(config.prologue);
    for (const auto whose : {role::initiator, role::responder}) {
        if (!protocol.static_known(whose)) continue;
        symmetric.mix_hash(whose == side ? own_static.public_part.view() : remote_static->view());
    }
}

handshake::state::state(const handshake_config& config, const saved_handshake& from)
    : protocol(config.protocol),
      side(config.role),
      symmetric(config.protocol.hash(), from),
      agreement(*config.agreement),
      random(config.random),
      remote_static(from.remote_static),
      remote_ephemeral(from.remote_ephemeral),
      next(from.next) {
    take_keys(config);
    if (from.has_ephemeral) own_ephemeral = from.ephemeral.clone();
    for (std::size_t message = 0; message < next; ++message) {
        const auto& steps = protocol.steps(message);
        psks_used += static_cast<std::size_t>(std::count(steps.begin(), steps.end(), token::psk));
    }
}

void handshake::state::take_keys(const handshake_config& config) {
    if (config.static_keys != nullptr) own_static = config.static_keys->clone();
    psks.reserve(config.psks.size());
    for (const auto& psk : config.psks) psks.push_back(psk.clone());
}

std::size_t handshake::state::overhead() const noexcept {
    if (done()) return 0;
    bool encrypted = symmetric.has_key();
    std::size_t out = 0;
    for (const auto step : protocol.steps(next)) {
        if (step == token::e) out += key_bytes;
        if (step == token::s) out += key_bytes + (encrypted ? tag_bytes : 0);
        const bool keyed = step == token::e ? protocol.psks() > 0 : step != token::s;
        encrypted = encrypted || keyed;
    }
    return out + (encrypted ? tag_bytes : 0);
}

void handshake::state::mix_ephemeral(const noise::public_key& part) {
    symmetric.mix_hash(part.view());
    // Keeps the key random although a psk alone may be all that was mixed into it (revision 34 section 9.2).
    if (protocol.psks() > 0) symmetric.mix_key(part.view());
}

result<void> handshake::state::mix_secret(token step) {
    if (step == token::psk) {
        symmetric.mix_key_and_hash(psks[psks_used++].view());
        return {};
    }
    // The first letter names the initiator's key, the second one the responder's.
    const bool initiator_static = step == token::se || step == token::ss;
    const bool responder_static = step == token::es || step == token::ss;
    const bool initiating = side == role::initiator;
    const auto& ours = (initiating ? initiator_static : responder_static) ? own_static : *own_ephemeral;
    const auto& theirs = (initiating ? responder_static : initiator_static) ? *remote_static : remote_ephemeral;
    auto shared = agreement.agree(ours, theirs);
    if (!shared) return failure(shared.error());
    symmetric.mix_key(shared->view());
    return {};
}

result<void> handshake::state::write_step(token step, bytes& out) {
    if (step == token::e) {
        if (!own_ephemeral) own_ephemeral = agreement.generate(*random);
        const auto part = own_ephemeral->public_part.view();
        out.insert(out.end(), part.begin(), part.end());
        mix_ephemeral(own_ephemeral->public_part);
        return {};
    }
    if (step == token::s) return symmetric.encrypt_and_hash(own_static.public_part.view(), out);
    return mix_secret(step);
}

result<void> handshake::state::read_step(token step, bytes_view& rest) {
    if (step != token::e && step != token::s) return mix_secret(step);
    const auto size = key_bytes + (step == token::s && symmetric.has_key() ? tag_bytes : 0);
    const auto part = rest.first(size);
    rest = rest.subspan(size);
    if (step == token::e) {
        remote_ephemeral = *noise::public_key::from_bytes(part);
        mix_ephemeral(remote_ephemeral);
        return {};
    }
    const auto opened = symmetric.decrypt_and_hash(part);
    if (!opened) return failure(opened.error());
    remote_static = *noise::public_key::from_bytes(*opened);
    return {};
}

result<bytes> handshake::state::write(bytes_view payload) {
    bytes out;
    out.reserve(overhead() + payload.size());
    for (const auto step : protocol.steps(next)) {
        if (auto done = write_step(step, out); !done) return failure(done.error());
    }
    if (auto done = symmetric.encrypt_and_hash(payload, out); !done) return failure(done.error());
    ++next;
    return out;
}

result<bytes> handshake::state::read(bytes_view message) {
    if (message.size() > message_bytes_max) return failure(errc::too_large);
    if (message.size() < overhead()) return failure(errc::truncated);
    for (const auto step : protocol.steps(next)) {
        if (auto done = read_step(step, message); !done) return failure(done.error());
    }
    auto payload = symmetric.decrypt_and_hash(message);
    if (payload) ++next;
    return payload;
}

void handshake::state::forget() noexcept {
    dead = true;
    symmetric.forget();
    own_static.secret_part.clear();
    own_ephemeral.reset();
    psks.clear();
}

result<handshake> handshake::create(const handshake_config& config) {
    if (!is_complete(config)) return failure(errc::bad_configuration);
    return handshake(std::make_unique<state>(config));
}

saved_handshake handshake::save() const noexcept {
    assert(!state_->dead && state_->next > 0);
    saved_handshake out;
    state_->symmetric.save(out);
    out.has_ephemeral = state_->own_ephemeral.has_value();
    if (out.has_ephemeral) out.ephemeral = state_->own_ephemeral->clone();
    out.next = static_cast<std::uint8_t>(state_->next);
    out.remote_ephemeral = state_->remote_ephemeral;
    out.remote_static = state_->remote_static;
    return out;
}

result<handshake> handshake::resume(const handshake_config& config, const saved_handshake& from) {
    assert(from.next > 0 && from.next <= config.protocol.messages());
    if (!is_complete(config)) return failure(errc::bad_configuration);
    return handshake(std::make_unique<state>(config, from));
}

handshake::handshake(std::unique_ptr<state> begun) noexcept : state_(std::move(begun)) {}
handshake::handshake(handshake&&) noexcept = default;
handshake& handshake::operator=(handshake&&) noexcept = default;
handshake::~handshake() = default;

bool handshake::my_turn() const noexcept { return state_->my_turn(); }
bool handshake::done() const noexcept { return state_->done(); }
std::size_t handshake::overhead() const noexcept { return state_->overhead(); }
bytes_view handshake::handshake_hash() const noexcept { return state_->symmetric.hash(); }
const std::optional<noise::public_key>& handshake::remote_static() const noexcept { return state_->remote_static; }

result<bytes> handshake::write(bytes_view payload) {
    if (!state_->expects(true)) return failure(errc::handshake_order);
    if (payload.size() > message_bytes_max - state_->overhead()) return failure(errc::too_large);
    auto out = state_->write(payload);
    if (!out) state_->forget();
    return out;
}

result<bytes> handshake::read(bytes_view message) {
    if (!state_->expects(false)) return failure(errc::handshake_order);
    auto out = state_->read(message);
    if (!out) state_->forget();
    return out;
}

result<cipher_pair> handshake::split() {
    if (state_->dead || !state_->done()) return failure(errc::handshake_order);
    auto keys = state_->symmetric.split();
    state_->forget();
    cipher_pair out;
    const bool initiating = state_->side == role::initiator;
    const bool one_way = state_->protocol.one_way();
    if (initiating || !one_way) out.send = std::move(initiating ? keys.first : keys.second);
    if (!initiating || !one_way) out.receive = std::move(initiating ? keys.second : keys.first);
    return out;
}

}  // namespace mydht::noise
