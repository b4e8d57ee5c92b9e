#include <mydht/crypto/noise/protocol.hpp>

#include <algorithm>
#include <bit>
#include <optional>

namespace mydht::noise {

namespace {

struct pattern {
    std::string_view name;
    bool initiator_known;  // the pre-message "-> s"
    bool responder_known;  // the pre-message "<- s"
    std::string_view messages;
};

constexpr std::array patterns{
    // One-way (revision 34 section 7.4).
    pattern{"N", false, true, "e es"},
    pattern{"K", true, true, "e es ss"},
    pattern{"X", false, true, "e es s ss"},
    // Interactive (section 7.5).
    pattern{"NN", false, false, "e|e ee"},
    pattern{"NK", false, true, "e es|e ee"},
    pattern{"NX", false, false, "e|e ee s es"},
    pattern{"KN", true, false, "e|e ee se"},
    pattern{"KK", true, true, "e es ss|e ee se"},
    pattern{"KX", true, false, "e|e ee se s es"},
    pattern{"XN", false, false, "e|e ee|s se"},
    pattern{"XK", false, true, "e es|e ee|s se"},
    pattern{"XX", false, false, "e|e ee s es|s se"},
    pattern{"IN", false, false, "e s|e ee se"},
    pattern{"IK", false, true, "e es s ss|e ee se"},
    pattern{"IX", false, false, "e s|e ee se s es"},
    // Deferred (section 18.1).
    pattern{"NK1", false, true, "e|e ee es"},
    pattern{"NX1", false, false, "e|e ee s|es"},
    pattern{"X1N", false, false, "e|e ee|s|se"},
    pattern{"X1K", false, true, "e es|e ee|s|se"},
    pattern{"XK1", false, true, "e|e ee es|s se"},
    pattern{"X1K1", false, true, "e|e ee es|s|se"},
    pattern{"X1X", false, false, "e|e ee s es|s|se"},
    pattern{"XX1", false, false, "e|e ee s|es s se"},
    pattern{"X1X1", false, false, "e|e ee s|es s|se"},
    pattern{"K1N", true, false, "e|e ee|se"},
    pattern{"K1K", true, true, "e es|e ee|se"},
    pattern{"KK1", true, true, "e|e ee se es"},
    pattern{"K1K1", true, true, "e|e ee es|se"},
    pattern{"K1X", true, false, "e|e ee s es|se"},
    pattern{"KX1", true, false, "e|e ee se s|es"},
    pattern{"K1X1", true, false, "e|e ee s|se es"},
    pattern{"I1N", false, false, "e s|e ee|se"},
    pattern{"I1K", false, true, "e es s|e ee|se"},
    pattern{"IK1", false, true, "e s|e ee se es"},
    pattern{"I1K1", false, true, "e s|e ee es|se"},
    pattern{"I1X", false, false, "e s|e ee s es|se"},
    pattern{"IX1", false, false, "e s|e ee se s|es"},
    pattern{"I1X1", false, false, "e s|e ee s|se es"},
};

constexpr std::size_t name_bytes_max = 255;

/// Takes the text up to the separator off the front; the rest is empty when there was none.
std::string_view take(std::string_view& rest, char separator) noexcept {
    const auto end = std::min(rest.find(separator), rest.size());
    const auto out = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return out;
}

constexpr token token_of(std::string_view name) noexcept {
    if (name == "e") return token::e;
    if (name == "s") return token::s;
    if (name == "ee") return token::ee;
    if (name == "es") return token::es;
    if (name == "se") return token::se;
    return token::ss;
}

std::optional<hash_kind> hash_named(std::string_view name) noexcept {
    if (name == "BLAKE2b") return hash_kind::blake2b;
    if (name == "SHA256") return hash_kind::sha256;
    if (name == "SHA512") return hash_kind::sha512;
    return std::nullopt;
}

std::string_view name_of(hash_kind kind) noexcept {
    switch (kind) {
        case hash_kind::blake2b: return "BLAKE2b";
        case hash_kind::sha256: return "SHA256";
        case hash_kind::sha512: return "SHA512";
    }
    return {};
}

/// Modifiers as a mask of psk numbers. A name that could be a modifier of somebody's is not supported; anything else, a
/// number that the pattern has no place for, and a wrong order are malformed.
result<std::uint8_t> parse_modifiers(std::string_view text, std::size_t messages) {
    unsigned mask = 0;
    if (!text.empty() && text.back() == '+') return failure(errc::malformed);
    while (!text.empty()) {
        const auto name = take(text, '+');
        const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
        if (name.empty() || !std::all_of(name.begin(), name.end(), allowed)) return failure(errc::malformed);
        if (name.substr(0, 3) != "psk") return failure(errc::not_supported);
        if (name.size() != 4 || name[3] < '0') return failure(errc::malformed);
        const auto number = static_cast<unsigned>(name[3] - '0');
        if (number > messages || (mask >> number) != 0) return failure(errc::malformed);
        mask |= 1U << number;
    }
    return static_cast<std::uint8_t>(mask);
}

}  // namespace

std::size_t hash_size(hash_kind kind) noexcept { return kind == hash_kind::sha256 ? 32 : 64; }

result<protocol> protocol::parse(std::string_view name) {
    if (name.size() > name_bytes_max || std::count(name.begin(), name.end(), '_') != 4) return failure(errc::malformed);
    if (take(name, '_') != "Noise") return failure(errc::malformed);
    const auto handshake_name = take(name, '_');
    const auto dh_name = take(name, '_');
    const auto cipher_name = take(name, '_');
    const auto hash_name = name;
    if (handshake_name.empty() || dh_name.empty() || cipher_name.empty() || hash_name.empty()) {
        return failure(errc::malformed);
    }
    const auto in_pattern = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
    const auto* const end = std::find_if_not(handshake_name.begin(), handshake_name.end(), in_pattern);
    const auto pattern_name = handshake_name.substr(0, static_cast<std::size_t>(end - handshake_name.begin()));
    if (pattern_name.empty()) return failure(errc::malformed);
    const auto* const found = std::find_if(patterns.begin(), patterns.end(),
                                           [&](const pattern& known) { return known.name == pattern_name; });
    const auto hash = hash_named(hash_name);
    if (found == patterns.end() || dh_name != "25519" || cipher_name != "ChaChaPoly" || !hash) {
        return failure(errc::not_supported);
    }

    protocol out;
    out.pattern_ = static_cast<std::uint8_t>(found - patterns.begin());
    out.hash_ = *hash;
    out.message_count_ = static_cast<std::uint8_t>(1 + std::count(found->messages.begin(), found->messages.end(), '|'));
    const auto mask = parse_modifiers(handshake_name.substr(pattern_name.size()), out.message_count_);
    if (!mask) return failure(mask.error());
    out.psk_mask_ = *mask;
    out.psk_count_ = static_cast<std::uint8_t>(std::popcount(*mask));

    auto rest = found->messages;
    for (std::size_t i = 0; i < out.message_count_; ++i) {
        auto& steps = out.steps_[i];
        const auto push = [&steps](token step) { steps.items[steps.count++] = step; };
        auto message = take(rest, '|');
        if (i == 0 && (*mask & 1U) != 0) push(token::psk);
        while (!message.empty()) push(token_of(take(message, ' ')));
        if (((*mask >> (i + 1)) & 1U) != 0) push(token::psk);
    }
    return out;
}

std::string protocol::name(std::string_view dh_name) const {
    std::string out = "Noise_";
    out += patterns[pattern_].name;
    bool first = true;
    for (unsigned number = 0; number <= message_count_; ++number) {
        if (((psk_mask_ >> number) & 1U) == 0) continue;
        if (!first) out += '+';
        out += "psk";
        out += static_cast<char>('0' + number);
        first = false;
    }
    out += '_';
    out += dh_name;
    out += "_ChaChaPoly_";
    out += name_of(hash_);
    return out;
}

bool protocol::static_known(noise::role side) const noexcept {
    return side == role::initiator ? patterns[pattern_].initiator_known : patterns[pattern_].responder_known;
}

bool protocol::needs_static(noise::role side) const noexcept {
    if (static_known(side)) return true;
    for (std::size_t i = side == role::initiator ? 0 : 1; i < message_count_; i += 2) {
        if (std::find(steps_[i].begin(), steps_[i].end(), token::s) != steps_[i].end()) return true;
    }
    return false;
}

bool protocol::needs_remote_static(noise::role side) const noexcept {
    return static_known(side == role::initiator ? role::responder : role::initiator);
}

}  // namespace mydht::noise
