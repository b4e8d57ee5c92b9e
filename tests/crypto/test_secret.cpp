#include <new>
#include <type_traits>

#include <mydht/crypto/identity.hpp>
#include <mydht/crypto/noise.hpp>
#include <mydht/crypto/random.hpp>
#include <mydht/crypto/secret.hpp>

#include "support/catch.hpp"

using namespace mydht;

namespace {

static_assert(!std::is_copy_constructible_v<secret<32>> && !std::is_copy_assignable_v<secret<32>>);
static_assert(!std::is_copy_constructible_v<identity> && !std::is_copy_assignable_v<identity>);
static_assert(!std::is_copy_constructible_v<noise::key_pair> && !std::is_copy_constructible_v<noise::cipher>);
static_assert(!std::is_copy_constructible_v<noise::handshake>);
static_assert(std::is_nothrow_move_constructible_v<secret<32>> && std::is_nothrow_move_constructible_v<noise::cipher>);

template <typename T>
concept printable = requires(std::ostream& out, const T& value) {
    out << value;
};
template <typename T>
concept comparable = requires(const T& value) {
    value == value;
};
static_assert(!printable<secret<32>> && !comparable<secret<32>>);

bytes pattern() {
    bytes out(32);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(i + 1);
    return out;
}

/// Read through a volatile pointer: the compiler may assume that nobody looks at an object after its end.
std::size_t count_nonzero(const volatile unsigned char* storage, std::size_t size) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < size; ++i) count += storage[i] != 0 ? 1 : 0;
    return count;
}

}  // namespace

TEST_CASE("wipe overwrites every byte", "[secret]") {
    bytes data = pattern();
    wipe(data);
    CHECK(data == bytes(32, 0));
    wipe({});
}

TEST_CASE("a secret is wiped when it ends", "[secret]") {
    alignas(secret<32>) unsigned char storage[sizeof(secret<32>)] = {};
    auto* made = new (storage) secret<32>(pattern());
    CHECK(count_nonzero(storage, sizeof storage) == 32);
    made->~secret<32>();
    CHECK(count_nonzero(storage, sizeof storage) == 0);
}

TEST_CASE("a secret is wiped when it is moved from", "[secret]") {
    secret<32> first(pattern());
    secret<32> second(std::move(first));
    CHECK(to_bytes(first.view()) == bytes(32, 0));
    CHECK(to_bytes(second.view()) == pattern());

    secret<32> third;
    third = std::move(second);
    CHECK(to_bytes(second.view()) == bytes(32, 0));
    CHECK(to_bytes(third.view()) == pattern());
    auto& same = third;
    third = std::move(same);
    CHECK(to_bytes(third.view()) == pattern());
}

TEST_CASE("a clone is apart from its original", "[secret]") {
    secret<32> first(pattern());
    const auto second = first.clone();
    first.clear();
    CHECK(to_bytes(first.view()) == bytes(32, 0));
    CHECK(to_bytes(second.view()) == pattern());
}

TEST_CASE("an identity and a cipher that are moved from keep no key", "[secret]") {
    auto first = *identity::from_seed(pattern());
    const identity second = std::move(first);
    CHECK(to_bytes(first.seed()) == bytes(32, 0));
    CHECK(to_bytes(second.seed()) == pattern());

    noise::cipher sealing{secret<32>(pattern())};
    sealing.set_nonce(7);
    const noise::cipher moved = std::move(sealing);
    CHECK_FALSE(sealing.usable());
    CHECK(moved.usable());
    CHECK(moved.nonce() == 7);
    CHECK(sealing.nonce() == 0);
}

TEST_CASE("the system's random source fills what it is given", "[random]") {
    const auto source = make_system_random();
    bytes first(64);
    bytes second(64);
    source->fill(first);
    source->fill(second);
    CHECK(first != second);
    CHECK(first != bytes(64, 0));
    bytes guarded(40, 0);
    source->fill(bytes_span(guarded).subspan(4, 32));
    CHECK(to_bytes(bytes_view(guarded).first(4)) == bytes(4, 0));
    CHECK(to_bytes(bytes_view(guarded).last(4)) == bytes(4, 0));
    source->fill({});
}
