#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <mydht/core/limits.hpp>
#include <mydht/core/random.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/wire/message.hpp>

/// Random values within the limits of the protocol, extremes more often than chance would have them.
namespace mydht::test {

inline std::size_t random_size(prng& random, std::size_t max) {
    switch (random.below(8)) {
        case 0: return 0;
        case 1: return max;
        case 2: return static_cast<std::size_t>(random.below(max + 1));
        default: return static_cast<std::size_t>(random.below(max < 20 ? max + 1 : 20));
    }
}

inline std::uint64_t random_number(prng& random) {
    switch (random.below(4)) {
        case 0: return 0;
        case 1: return ~std::uint64_t{0};
        default: return random() >> random.below(64);
    }
}

inline bytes random_bytes(prng& random, std::size_t size) {
    bytes out(size);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(random());
    return out;
}

/// An id, key or signature.
template <typename Array>
Array random_array(prng& random) {
    Array out;
    for (auto& byte : out.data()) byte = static_cast<std::uint8_t>(random());
    return out;
}

/// All characters that a name may have, those more often that mean something in an encoding or in an address.
inline std::string random_memory_name(prng& random) {
    std::string out(1 + random_size(random, address::size_max - 1), 'm');
    for (auto& c : out) {
        c = static_cast<char>('!' + random.below('~' - '!' + 1));
        if (random.below(4) == 0 || c == '@') c = "\"\\%:/{~"[random.below(7)];
    }
    return out;
}

inline address random_address(prng& random) {
    switch (random.below(6)) {
        case 0: return address::from_bytes(address_kind::tcp, random_bytes(random, 6)).value();
        case 1: return address::from_bytes(address_kind::udp, random_bytes(random, 18)).value();
        case 2: return address::from_bytes(address_kind::tor, random_bytes(random, 34)).value();
        case 3: return address::from_bytes(address_kind::i2p, random_bytes(random, 32)).value();
        case 4: return address::memory(random_memory_name(random)).value();
        default: break;
    }
    const auto kind = static_cast<address_kind>(7 + random.below(249));
    return address::from_bytes(kind, random_bytes(random, 1 + random_size(random, address::size_max - 1))).value();
}

inline std::vector<address> random_addresses(prng& random, std::size_t max) {
    std::vector<address> out(random_size(random, max));
    for (auto& one : out) one = random_address(random);
    return out;
}

inline std::vector<contact> random_contacts(prng& random) {
    std::vector<contact> out(random_size(random, limits::contacts_per_message));
    for (auto& one : out) {
        const auto peer = random_array<public_key>(random);
        const auto capabilities = static_cast<std::uint32_t>(random_number(random));
        one = contact_of(peer, capabilities, random_addresses(random, limits::addresses_per_contact));
    }
    return out;
}

inline wall_time random_time(prng& random) {
    return wall_time(std::chrono::milliseconds(static_cast<std::int64_t>(random_number(random))));
}

/// `body_max` is less than the limit where several items have to fit one message.
inline item random_item(prng& random, std::size_t body_max) {
    item out;
    out.kind = static_cast<item_kind>(1 + random.below(random.below(4) == 0 ? 255 : 4));
    out.body = random_bytes(random, random_size(random, body_max));
    if (random.below(2) == 0) out.sig = random_array<signature>(random);
    out.deadline = random_time(random);
    return out;
}

inline std::string random_text(prng& random) {
    const std::string pieces[] = {"a", " ", std::string(1, '\0'), "\n", "é", "€", "𝄞", "\x7f", "\"", "\\"};
    std::string out;
    const auto size = random_size(random, limits::error_text_bytes);
    while (out.size() < size) {
        const auto& piece = pieces[random.below(std::size(pieces))];
        out += out.size() + piece.size() <= size ? piece : "x";
    }
    return out;
}

inline wire::find_node random_find_node(prng& random) {
    const auto target = random_array<node_id>(random);
    return {target, static_cast<wire::kind_mask>(random_number(random))};
}

inline wire::find_value random_find_value(prng& random) {
    const auto target = random_array<key>(random);
    return {target, static_cast<wire::kind_mask>(random_number(random))};
}

inline wire::store random_store(prng& random) {
    wire::store out;
    out.target = random_array<key>(random);
    out.what = random_item(random, limits::item_body_bytes);
    if (random.below(2) == 0) out.expected_sequence = random_number(random);
    return out;
}

inline wire::request random_request(prng& random) {
    wire::request out;
    out.target = random_array<id256>(random);
    out.service = std::string(random_size(random, limits::service_name_bytes), 's');
    out.body = random_bytes(random, random_size(random, limits::request_body_bytes));
    return out;
}

inline wire::forward random_forward(prng& random) {
    const auto byte = [&random] { return static_cast<std::uint8_t>(random_number(random)); };
    wire::forward out;
    out.tag = random_array<loop_tag>(random);
    switch (random.below(4)) {
        case 0: out.goal = random_find_node(random); break;
        case 1: out.goal = random_find_value(random); break;
        case 2: out.goal = random_request(random); break;
        default: out.goal = random_store(random); break;
    }
    out.lifetime = std::chrono::milliseconds(static_cast<std::uint32_t>(random_number(random)));
    out.hops = byte();
    out.wander = byte();
    out.fan_out = byte();
    out.paths = byte();
    out.priority = byte();
    out.results = byte();
    out.storing = static_cast<wire::storage_mode>(random.below(4));
    out.trace_max = static_cast<std::uint8_t>(random_size(random, limits::trace_per_message));
    out.trace.resize(random_size(random, out.trace_max));
    for (auto& each : out.trace) each = random_array<node_id>(random);
    out.proxy_hops = byte();
    out.stream = random.below(2) == 0;
    out.hidden = random.below(2) == 0;
    if (random.below(2) == 0) {
        out.asker.emplace();
        out.asker->body = random_bytes(random, 1 + random_size(random, limits::ticket_bytes - 1));
        out.asker->sig = random_array<signature>(random);
    }
    return out;
}

inline wire::gathered random_gathered(prng& random) {
    wire::gathered out;
    out.outcome = static_cast<wire::gathered_outcome>(random.below(4));
    out.copies = static_cast<std::uint16_t>(random_number(random));
    out.delivered = static_cast<std::uint8_t>(random_number(random));
    out.copy_left = std::chrono::milliseconds(static_cast<std::uint32_t>(random_number(random)));
    out.items.resize(random_size(random, limits::values_per_message));
    for (auto& one : out.items) one = random_item(random, limits::item_body_bytes / 2);
    out.contacts = random_contacts(random);
    return out;
}

inline wire::message random_message(prng& random, std::uint64_t kind) {
    switch (kind) {
        case 0: return wire::ping{};
        case 1: return random_find_node(random);
        case 2: return random_find_value(random);
        case 3: return random_store(random);
        case 4: return random_forward(random);
        case 5: {
            wire::deliver out;
            out.tag = random_array<loop_tag>(random);
            out.what = random_gathered(random);
            return out;
        }
        case 6: return wire::cancel{};
        case 7: {
            if (random.below(3) == 0) return wire::pong{};
            return wire::pong{random_address(random)};
        }
        case 8: return wire::nodes{random_contacts(random)};
        case 9: {
            wire::values out;
            out.items.resize(random_size(random, limits::values_per_message));
            for (auto& one : out.items) one = random_item(random, limits::item_body_bytes / 2);
            out.contacts = random_contacts(random);
            return out;
        }
        case 10: return wire::stored{random_time(random)};
        case 11: return random_gathered(random);
        case 12: return wire::delivered{};
        default: {
            const auto code = static_cast<wire::error_code>(random.below(13));
            return wire::error{code, random_text(random)};
        }
    }
}

inline constexpr std::uint64_t message_kinds = std::variant_size_v<wire::message>;

inline wire::envelope random_envelope(prng& random, std::uint64_t kind) {
    const auto id = random_number(random);
    return {id, random_message(random, kind)};
}

}  // namespace mydht::test
