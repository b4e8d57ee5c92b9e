#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mydht/wire/handshake_payload.hpp>

using namespace mydht;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto got = wire::decode_handshake_payload({data, size});
    if (!got) return 0;
    check(!got->codecs.empty() && got->codecs.size() <= wire::codecs_per_payload);
    check(got->addresses.size() <= limits::addresses_per_contact);
    bytes again;
    check(wire::encode(*got, again).has_value());
    check(again.size() <= size);
    check(wire::decode_handshake_payload(again).value() == *got);
    const auto chosen = wire::choose_codec(got->codecs, got->codecs);
    check(chosen == got->codecs.front());
    check(wire::downgraded(*got, *got) == (got->version != got->version_max));
    return 0;
}
