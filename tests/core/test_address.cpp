#include <mydht/core/address.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <set>
#include <unordered_set>

#include <mydht/core/random.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace mydht;

namespace {

const std::string onion = "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion";
const std::string destination = "aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq.b32.i2p";
const std::string id_text(64, 'a');

address parsed(std::string_view text) {
    INFO(text);
    const auto out = parse_address(text);
    REQUIRE(out.has_value());
    return *out;
}

}  // namespace

TEST_CASE("addresses read and write their text", "[address]") {
    const std::string canonical[] = {
        "tcp://127.0.0.1:4000",
        "udp://255.255.255.255:65535",
        "tcp://0.0.0.0:0",
        "udp://[::1]:4000",
        "tcp://[::]:1",
        "tcp://[2001:db8::1]:80",
        "tcp://[::ffff:1.2.3.4]:80",
        "tcp://[1:2:3:4:5:6:7:8]:80",
        "tcp://[1::8]:80",
        "tor://" + onion + ":4000",
        "i2p://" + destination,
        "mem://name",
        "mem://a:b/c.d-e_f",
        "tcp://[fe80::1:0:0:1]:9",
        "tcp://[1:0:0:2::3]:9",
        "tcp://[2001:db8::1:0:0:1]:9",
        "tcp://[1:0:2:3:4:5:6:7]:9",
        "tcp://[::2:3:4:5:6:7:8]:9",
    };
    for (const auto& text : canonical) {
        CAPTURE(text);
        const auto a = parse_address(text);
        if (text == "tcp://[::2:3:4:5:6:7:8]:9") {
            // One group of zeros is written out (RFC 5952 section 4.2.2).
            CHECK(a.value().text() == "tcp://[0:2:3:4:5:6:7:8]:9");
            continue;
        }
        REQUIRE(a.has_value());
        CHECK(a->text() == text);
        CHECK(parse_location(text).value().text() == text);
        CHECK(address::from_bytes(a->kind(), a->data()).value() == *a);
    }
}

TEST_CASE("other spellings come out in the canonical one", "[address]") {
    CHECK(parsed("tcp://[2001:0DB8:0000:0000:0000:0000:0000:0001]:80").text() == "tcp://[2001:db8::1]:80");
    CHECK(parsed("tcp://[::FFFF:0102:0304]:80").text() == "tcp://[::ffff:1.2.3.4]:80");
    CHECK(parsed("tcp://[64:ff9b::192.0.2.33]:80").text() == "tcp://[64:ff9b::c000:221]:80");
    CHECK(parsed("tor://DUCKDUCKgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.ONION:1").text() ==
          "tor://" + onion + ":1");
    CHECK(parse_location("tcp://[0::0001]:80").value().host == "::1");
    CHECK(parse_location("tcp://Example.ORG:80").value().host == "example.org");
}

TEST_CASE("the bytes of an address are what the wire carries", "[address]") {
    const auto v4 = parsed("tcp://1.2.3.4:258");
    CHECK(to_bytes(v4.data()) == bytes{1, 2, 3, 4, 1, 2});
    CHECK(v4.port() == 258);
    CHECK(to_hex(v4.host()) == "01020304");
    CHECK(v4 == address::ipv4(address_kind::tcp, {1, 2, 3, 4}, 258));
    CHECK(v4.is_ipv4());
    CHECK_FALSE(v4.is_ipv6());

    const auto v6 = parsed("udp://[::1]:4000");
    CHECK(v6.data().size() == 18);
    CHECK(v6.is_ipv6());
    CHECK(v6.port() == 4000);

    const auto tor = parsed("tor://" + onion + ":80");
    CHECK(to_hex(tor.data().first(32)) == "1d04a1d04a338c6e6ae970bfabee49049d6702250984ca950c01673f4ec034ad");
    CHECK(tor.port() == 80);
    CHECK(tor.with_port(81).text() == "tor://" + onion + ":81");
    CHECK(tor.host().empty());

    const auto i2p = parsed("i2p://" + destination);
    CHECK(to_hex(i2p.data()) == "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    CHECK(i2p.port() == 0);
    CHECK(i2p.with_port(5) == i2p);

    CHECK(as_text(parsed("mem://name").data()) == "name");
    CHECK(address().empty());
    CHECK_FALSE(v4.empty());
}

TEST_CASE("texts that are not addresses are refused", "[address]") {
    const std::string wrong[] = {
        "",
        "tcp",
        "tcp:",
        "tcp:/",
        "tcp://",
        "://",
        "127.0.0.1:4000",
        "http://127.0.0.1:80",
        "TCP://127.0.0.1:80",
        " tcp://127.0.0.1:80",
        "tcp://127.0.0.1:80 ",
        "tcp://127.0.0.1:80/",
        "relay://00",
        "none://",
        "unknown://",
        // ports
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:",
        "tcp://127.0.0.1:65536",
        "tcp://127.0.0.1:-1",
        "tcp://127.0.0.1:+1",
        "tcp://127.0.0.1:080",
        "tcp://127.0.0.1:00",
        "tcp://127.0.0.1:4294967297",
        "tcp://127.0.0.1:99999999999999999999",
        "tcp://127.0.0.1:1:2",
        "tcp://:80",
        // IPv4, and what a resolver would take for it
        "tcp://256.0.0.1:80",
        "tcp://01.2.3.4:80",
        "tcp://1.2.3.04:80",
        "tcp://1.2.3:80",
        "tcp://1.2.3.4.5:80",
        "tcp://1.2.3.:80",
        "tcp://.1.2.3:80",
        "tcp://1..2.3:80",
        "tcp://127.1:80",
        "tcp://2130706433:80",
        "tcp://0x7f000001:80",
        "tcp://0x:80",
        "tcp://127.0.0.0x1:80",
        "tcp://1.2.3.4.:80",
        "tcp://1.2.3.4%eth0:80",
        // IPv6
        "tcp://::1:80",
        "tcp://[::1:80",
        "tcp://::1]:80",
        "tcp://[]:80",
        "tcp://[127.0.0.1]:80",
        "tcp://[name]:80",
        "tcp://[:::]:80",
        "tcp://[1::2::3]:80",
        "tcp://[1:2:3:4:5:6:7]:80",
        "tcp://[1:2:3:4:5:6:7:8:9]:80",
        "tcp://[1:2:3:4::5:6:7:8]:80",
        "tcp://[12345::]:80",
        "tcp://[g::]:80",
        "tcp://[1:]:80",
        "tcp://[:1]:80",
        "tcp://[1:2:3:4:5:6:7:]:80",
        "tcp://[::1.2.3]:80",
        "tcp://[::1.2.3.4.5]:80",
        "tcp://[1.2.3.4::]:80",
        "tcp://[::1.2.3.4:5]:80",
        "tcp://[1:2:3:4:5:6:7:1.2.3.4]:80",
        "tcp://[fe80::1%eth0]:80",
        "tcp://[::01.2.3.4]:80",
        // names
        "tcp://-a.org:80",
        "tcp://a-.org:80",
        "tcp://a..org:80",
        "tcp://.:80",
        "tcp://a b:80",
        "tcp://a/b:80",
        "tcp://" + std::string(64, 'a') + ":80",
        "tcp://\xc3\xa4.org:80",
        // onion: length, suffix, checksum, version, port
        "tor://" + onion,
        "tor://" + onion + ":65536",
        "tor://" + onion.substr(1) + ":80",
        "tor://x" + onion + ":80",
        "tor://www." + onion + ":80",
        "tor://" + onion.substr(0, 56) + ":80",
        "tor://" + onion.substr(0, 56) + ".onions:80",
        "tor://e" + onion.substr(1) + ":80",
        "tor://" + onion.substr(0, 55) + "b.onion:80",
        "tor://" + onion.substr(0, 53) + "zad1.onion:80",
        "tor://127.0.0.1:80",
        // i2p
        "i2p://",
        "i2p://" + destination + ":80",
        "i2p://name.i2p",
        "i2p://" + destination.substr(1),
        "i2p://" + destination.substr(0, 51) + "r.b32.i2p",
        "i2p://a" + destination,
        // memory
        "mem://",
        "mem://a b",
        "mem://a\n",
        "mem://" + std::string(63, 'a'),
        std::string("mem://a\0", 8),
        // pins
        "tcp://@127.0.0.1:80",
        "tcp://aa@127.0.0.1:80",
        "tcp://" + id_text + "a@127.0.0.1:80",
        "tcp://" + id_text + "@:80",
        "tcp://" + id_text + "@" + id_text + "@127.0.0.1:80",
        "mem://a@b",
    };
    for (const auto& text : wrong) {
        CAPTURE(text);
        const auto where = parse_location(text);
        REQUIRE_FALSE(where.has_value());
        CHECK(where.error() == errc::bad_address);
        CHECK(parse_address(text).error() == errc::bad_address);
    }
}

TEST_CASE("names and pins are locations, not addresses", "[address]") {
    const auto named = parse_location("tcp://node-1.example.org:4000");
    REQUIRE(named.has_value());
    CHECK(named->host == "node-1.example.org");
    CHECK(named->port == 4000);
    CHECK_FALSE(named->pinned.has_value());
    CHECK(to_address(*named).error() == errc::address_has_name);
    CHECK(parse_address("udp://localhost:1").error() == errc::address_has_name);
    CHECK(parse_location("tcp://4you.org.:1").has_value());
    CHECK(parse_location("tcp://" + std::string(63, 'a') + ":80").has_value());

    const std::string text = "tcp://" + id_text + "@[::1]:4000";
    const auto pinned = parse_location(text);
    REQUIRE(pinned.has_value());
    REQUIRE(pinned->pinned.has_value());
    CHECK(pinned->pinned->hex() == id_text);
    CHECK(pinned->host == "::1");
    CHECK(pinned->text() == text);
    CHECK(to_address(*pinned).value().text() == "tcp://[::1]:4000");
    CHECK(parse_address(text).error() == errc::bad_address);
    CHECK(parse_location("mem://" + id_text + "@name").value().text() == "mem://" + id_text + "@name");
    CHECK(parse_location("tor://" + id_text + "@" + onion + ":1").value().host == onion);
}

TEST_CASE("bytes that do not fit their kind are refused", "[address]") {
    const auto accepts = [](address_kind kind, std::size_t size) {
        return address::from_bytes(kind, bytes(size, 'a')).has_value();
    };
    for (std::size_t size = 0; size <= 70; ++size) {
        CAPTURE(size);
        CHECK_FALSE(accepts(address_kind::none, size));
        CHECK(accepts(address_kind::tcp, size) == (size == 6 || size == 18));
        CHECK(accepts(address_kind::udp, size) == (size == 6 || size == 18));
        CHECK(accepts(address_kind::tor, size) == (size == 34));
        CHECK(accepts(address_kind::i2p, size) == (size == 32));
        CHECK(accepts(address_kind::memory, size) == (size >= 1 && size <= 62));
        CHECK(accepts(address_kind::relay, size) == (size >= 1 && size <= 62));
        CHECK(accepts(address_kind{200}, size) == (size >= 1 && size <= 62));
    }
    CHECK(address::from_bytes(address_kind::tcp, bytes(5)).error() == errc::bad_address);
    CHECK(address::memory("").error() == errc::bad_address);
    CHECK(address::memory("a@b").error() == errc::bad_address);
    CHECK(address::memory("a\x7f").error() == errc::bad_address);
    CHECK(address::memory(std::string(62, 'a')).has_value());
}

TEST_CASE("addresses of unknown kinds are kept and shown as digits", "[address]") {
    const auto newer = address::from_bytes(address_kind{9}, bytes{1, 0xff}).value();
    CHECK(to_string(newer.kind()) == "unknown");
    CHECK(newer.text() == "unknown://9:01ff");
    CHECK_FALSE(parse_address(newer.text()).has_value());
    CHECK(address::from_bytes(address_kind::relay, bytes{1, 0xff}).value().text() == "relay://01ff");
    CHECK(to_string(address_kind::memory) == "mem");
    CHECK(to_string(address_kind::none) == "none");
}

TEST_CASE("scopes follow the special-purpose registries", "[address]") {
    const std::pair<std::string, address_scope> known[] = {
        {"127.0.0.1", address_scope::loopback},
        {"127.255.255.255", address_scope::loopback},
        {"128.0.0.1", address_scope::global},
        {"126.255.255.255", address_scope::global},
        {"0.0.0.0", address_scope::loopback},
        {"10.0.0.0", address_scope::private_net},
        {"11.0.0.0", address_scope::global},
        {"9.255.255.255", address_scope::global},
        {"172.15.255.255", address_scope::global},
        {"172.16.0.0", address_scope::private_net},
        {"172.31.255.255", address_scope::private_net},
        {"172.32.0.0", address_scope::global},
        {"192.168.0.1", address_scope::private_net},
        {"192.169.0.1", address_scope::global},
        {"100.64.0.0", address_scope::private_net},
        {"100.127.255.255", address_scope::private_net},
        {"100.128.0.0", address_scope::global},
        {"100.63.255.255", address_scope::global},
        {"198.18.0.1", address_scope::private_net},
        {"198.19.0.1", address_scope::private_net},
        {"198.20.0.1", address_scope::global},
        {"169.254.1.1", address_scope::link},
        {"169.253.1.1", address_scope::global},
        {"224.0.0.1", address_scope::link},
        {"255.255.255.255", address_scope::link},
        {"223.255.255.255", address_scope::global},
        {"[::1]", address_scope::loopback},
        {"[::]", address_scope::loopback},
        {"[::2]", address_scope::global},
        {"[fe80::1]", address_scope::link},
        {"[febf::1]", address_scope::link},
        {"[fec0::1]", address_scope::private_net},
        {"[fc00::1]", address_scope::private_net},
        {"[fdff::1]", address_scope::private_net},
        {"[fbff::1]", address_scope::global},
        {"[ff02::1]", address_scope::link},
        {"[2001:db8::1]", address_scope::global},
        {"[::ffff:127.0.0.1]", address_scope::loopback},
        {"[::ffff:10.1.2.3]", address_scope::private_net},
        {"[::ffff:8.8.8.8]", address_scope::global},
    };
    for (const auto& [host, scope] : known) {
        CAPTURE(host);
        CHECK(scope_of(parsed("tcp://" + host + ":1")) == scope);
        CHECK(scope_of(parsed("udp://" + host + ":1")) == scope);
    }
    CHECK(scope_of(parsed("tor://" + onion + ":1")) == address_scope::global);
    CHECK(scope_of(parsed("mem://name")) == address_scope::global);
}

TEST_CASE("wildcards can be listened at, not dialled", "[address]") {
    CHECK(parsed("tcp://0.0.0.0:1").is_wildcard());
    CHECK(parsed("udp://[::]:1").is_wildcard());
    CHECK(parsed("udp://[::ffff:0.0.0.0]:1").is_wildcard());
    CHECK_FALSE(parsed("tcp://0.0.0.1:1").is_wildcard());
    CHECK_FALSE(parsed("tcp://[::1]:1").is_wildcard());
    CHECK_FALSE(parsed("mem://name").is_wildcard());
    CHECK_FALSE(address().is_wildcard());
}

TEST_CASE("network prefixes are what one operator is likely to own", "[address]") {
    const auto prefix = [](std::string_view text) { return network_prefix(parsed(text)); };
    CHECK(prefix("tcp://1.2.3.4:1") == prefix("udp://1.2.3.255:9"));
    CHECK(prefix("tcp://1.2.3.4:1") == prefix("tcp://[::ffff:1.2.3.9]:1"));
    CHECK(prefix("tcp://1.2.3.4:1") != prefix("tcp://1.2.4.4:1"));
    CHECK(prefix("tcp://[2001:db8:1:2::1]:1") == prefix("udp://[2001:db8:1:ffff::2]:2"));
    CHECK(prefix("tcp://[2001:db8:1::1]:1") != prefix("tcp://[2001:db8:2::1]:1"));
    CHECK(prefix("i2p://" + destination) != prefix("mem://" + std::string(32, 'a')));
    CHECK(prefix("mem://a") != prefix("mem://b"));
    CHECK(prefix("tcp://1.2.3.4:1") == bytes{4, 1, 2, 3});
    CHECK(prefix("tcp://[2001:db8:1::1]:1") == bytes{6, 0x20, 0x01, 0x0d, 0xb8, 0, 1});
}

TEST_CASE("addresses are ordered and hashed by kind and bytes", "[address]") {
    std::set<address> ordered;
    std::unordered_set<address> hashed;
    for (const auto* text : {"tcp://1.2.3.4:1", "udp://1.2.3.4:1", "tcp://1.2.3.4:2", "tcp://1.2.3.5:1", "mem://a",
                             "mem://ab", "tcp://[::1]:1", "tcp://1.2.3.4:1"}) {
        ordered.insert(parsed(text));
        hashed.insert(parsed(text));
    }
    CHECK(ordered.size() == 7);
    CHECK(hashed.size() == 7);
    CHECK(*ordered.begin() == parsed("tcp://1.2.3.4:1"));
    CHECK(std::hash<address>()(parsed("mem://a")) == std::hash<address>()(parsed("mem://a")));
    CHECK(std::hash<address>()(parsed("tcp://1.2.3.4:1")) != std::hash<address>()(parsed("udp://1.2.3.4:1")));
}

TEST_CASE("any IPv6 host reads back, as the operating system writes it too", "[address][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 2000; ++round) {
        std::array<std::uint8_t, 16> host{};
        for (auto& byte : host) {
            // Many zero bytes, so that runs of zero groups of every length and place occur.
            const bool zero = random.below(3) != 0;
            byte = zero ? std::uint8_t{0} : static_cast<std::uint8_t>(random.below(256));
        }
        const auto a = address::ipv6(address_kind::tcp, host, 9);
        CAPTURE(a.text());
        REQUIRE(parse_address(a.text()).value() == a);
        std::array<char, INET6_ADDRSTRLEN> theirs{};
        REQUIRE(inet_ntop(AF_INET6, host.data(), theirs.data(), theirs.size()) != nullptr);
        REQUIRE(parse_address("tcp://[" + std::string(theirs.data()) + "]:9").value() == a);
        // inet_ntop writes the deprecated IPv4-compatible form with dots, which RFC 5952 does not ask for.
        const bool compatible = std::all_of(host.begin(), host.begin() + 12, [](auto byte) { return byte == 0; });
        if (!compatible) REQUIRE(a.text() == "tcp://[" + std::string(theirs.data()) + "]:9");
    }
}

TEST_CASE("hosts are taken exactly when the operating system takes them", "[address][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    const std::string_view alphabet = "0123456789abf:::...";
    int taken = 0;
    for (int round = 0; round < 200'000; ++round) {
        std::string host;
        const auto size = 2 + random.below(8);
        for (std::uint64_t i = 0; i < size; ++i) host.push_back(alphabet[random.below(alphabet.size())]);
        const bool v6 = host.find(':') != std::string::npos;
        std::array<std::uint8_t, 16> theirs{};
        const bool expected = inet_pton(v6 ? AF_INET6 : AF_INET, host.c_str(), theirs.data()) == 1;
        const auto ours = parse_address(v6 ? "tcp://[" + host + "]:1" : "tcp://" + host + ":1");
        CAPTURE(host);
        REQUIRE(ours.has_value() == expected);
        if (expected) {
            ++taken;
            REQUIRE(std::ranges::equal(ours->host(), std::span(theirs).first(ours->host().size())));
        }
    }
    CHECK(taken > 100);
}

TEST_CASE("any text either is refused or reads back what it writes", "[address][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    const std::string starts[] = {"tcp://127.0.0.1:4000",
                                  "udp://[2001:db8::1]:4000",
                                  "tor://" + onion + ":4000",
                                  "i2p://" + destination,
                                  "mem://name",
                                  "tcp://" + id_text + "@host.example:1"};
    for (int round = 0; round < 20'000; ++round) {
        std::string text = starts[random.below(std::size(starts))];
        for (auto changes = 1 + random.below(3); changes > 0; --changes) {
            const auto at = static_cast<std::size_t>(random.below(text.size()));
            const auto c = static_cast<char>(random.below(128));
            if (random.below(2) == 0) {
                text[at] = c;
            } else {
                text.insert(at, 1, c);
            }
        }
        CAPTURE(text);
        const auto where = parse_location(text);
        if (!where) continue;
        const auto again = parse_location(where->text());
        REQUIRE(again.has_value());
        REQUIRE(again->text() == where->text());
    }
}
