#include "session/handshake_rules.hpp"

#include <string_view>
#include <utility>

#include <mydht/crypto/ids.hpp>

namespace mydht::detail {

namespace {

constexpr std::string_view prologue_name("mydht/1\0", 8);

bytes_view view_of(const std::optional<bytes>& psk) { return psk ? bytes_view(*psk) : bytes_view(); }

noise::protocol protocol_with(std::string_view pattern, bool psk) {
    auto name = "Noise_" + std::string(pattern);
    if (psk) name += "psk0";
    return noise::protocol::parse(name + "_25519_ChaChaPoly_BLAKE2b").value();
}

wire::preamble make_hello(const session_config& config) {
    wire::preamble out;
    out.mode = config.mode;
    out.network = network_tag_of(config.network, view_of(config.psk)).data();
    return out;
}

std::vector<wire::codec_id> ids_of(const std::vector<wire::any_codec>& codecs) {
    std::vector<wire::codec_id> out;
    for (const auto& one : codecs) out.push_back(one.id());
    return out;
}

bytes make_prologue(const session_config& config) {
    auto out = to_bytes(prologue_name);
    const auto name = as_bytes(config.network);
    out.insert(out.end(), name.begin(), name.end());
    return out;
}

}  // namespace

local_party::local_party(std::shared_ptr<const identity> self_, const session_config& config, random_source& random_)
    : self(std::move(self_)),
      static_keys(config.agreement->static_key_of(*self)),
      xx(protocol_with("XX", config.psk.has_value())),
      ik(protocol_with("IK", config.psk.has_value())),
      agreement(config.agreement),
      random(&random_),
      hello(make_hello(config)),
      prologue(make_prologue(config)),
      codecs(ids_of(config.codecs)) {
    if (config.psk) psks.emplace_back(bytes_view(*config.psk));
}

noise::handshake_config noise_config(const local_party& party, const noise::protocol& protocol, noise::role side,
                                     bytes_view prologue) {
    noise::handshake_config out(protocol, side);
    out.prologue = prologue;
    out.static_keys = &party.static_keys;
    out.psks = party.psks;
    out.random = party.random;
    out.agreement = party.agreement;
    return out;
}

wire::handshake_payload own_payload(const local_party& party, std::uint8_t version, wire::codec_id chosen) {
    wire::handshake_payload out;
    out.version = version;
    out.version_max = party.hello.version_max;
    out.peer = party.self->key();
    out.capabilities = party.capabilities;
    out.codecs = party.codecs;
    out.chosen = chosen;
    out.addresses = party.addresses;
    return out;
}

result<contact> judge_payload(const local_party& party, std::uint8_t version,
                              const std::optional<noise::public_key>& proven, const std::optional<node_id>& pinned,
                              const wire::handshake_payload& theirs) {
    if (proven) {
        const auto expected = party.agreement->noise_key_of(theirs.peer);
        if (!expected) return failure(expected.error());
        if (*proven != *expected) return failure(errc::identity_mismatch);
    }
    if (theirs.peer == party.self->key()) return failure(errc::self_connection);
    auto out = contact_of(theirs.peer, theirs.capabilities, theirs.addresses);
    if (pinned && *pinned != out.id) return failure(errc::identity_mismatch);
    wire::handshake_payload own;
    own.version = version;
    own.version_max = party.hello.version_max;
    if (wire::downgraded(own, theirs)) return failure(errc::protocol_violation);
    return out;
}

result<wire::codec_id> settle_codec(const local_party& party, const wire::handshake_payload& theirs, bool offered) {
    if (offered) {
        const auto out = wire::choose_codec(theirs.codecs, party.codecs);
        if (out == wire::codec_id::none) return failure(errc::not_supported);
        return out;
    }
    const auto out = wire::choose_codec(party.codecs, theirs.codecs);
    if (out == wire::codec_id::none || out != theirs.chosen) return failure(errc::protocol_violation);
    return out;
}

}  // namespace mydht::detail
