#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mydht/wire/capnp_frame.hpp>
#include <mydht/wire/codec.hpp>

using namespace mydht;

/// The first byte says where the assembler's input is cut; the rest is a message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const bytes_view message(data + 1, size - 1);
    wire::capnp_assembler assembler;
    bytes_view first = message.first(std::min<std::size_t>(message.size(), data[0]));
    bytes_view second = message.subspan(first.size());
    auto complete = assembler.feed(first);
    if (complete && !*complete) complete = assembler.feed(second);
    const bool is_message = wire::capnp_codec().decode(message).has_value();
    if (is_message && !(complete && *complete && std::ranges::equal(assembler.message(), message))) std::abort();
    return 0;
}
