#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mydht/wire/packet.hpp>

using namespace mydht;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

template <typename Encoded>
void check_same(const Encoded& again, bytes_view packet) {
    check(std::ranges::equal(again, packet));
}

void try_transport(bytes_view packet) {
    const auto got = wire::decode_transport(packet);
    if (!got) return;
    bytes again(wire::transport_header_bytes);
    wire::write_transport_header(again, got->receiver, got->counter);
    again.insert(again.end(), got->sealed.begin(), got->sealed.end());
    check_same(again, packet);
}

}  // namespace

/// An input is a packet. What one decoder takes no other does, and encoded anew it is the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const bytes_view packet(data, size);
    using wire::packet_type;
    const auto type = wire::type_of(packet);
    const auto taken = [&](packet_type expected, const auto& got) {
        if (got) check(type == expected);
        return got.has_value();
    };
    if (const auto got = wire::decode_initial(packet); taken(packet_type::initial, got)) {
        check_same(wire::encode(*got, size).value(), packet);
    }
    if (const auto got = wire::decode_answer(packet); taken(packet_type::answer, got)) {
        check(got->receiver == wire::receiver_of(packet));
        check_same(wire::encode(*got, packet_type::answer).value(), packet);
    }
    if (const auto got = wire::decode_final_answer(packet); taken(packet_type::final_answer, got)) {
        check_same(wire::encode(*got, packet_type::final_answer).value(), packet);
    }
    if (const auto got = wire::decode_cookie(packet); taken(packet_type::cookie, got)) {
        check_same(wire::encode(*got), packet);
    }
    if (const auto got = wire::decode_reset(packet); taken(packet_type::reset, got)) {
        check_same(wire::encode(*got), packet);
    }
    if (type == packet_type::transport) try_transport(packet);
    return 0;
}
