#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mydht/core/address.hpp>

using namespace mydht;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

void read_text(bytes_view input) {
    const auto where = parse_location(as_text(input));
    if (!where) return;
    const auto again = parse_location(where->text());
    check(again.has_value() && again->text() == where->text() && again->pinned == where->pinned);
    const auto a = to_address(*where);
    if (!a) return;
    check(address::from_bytes(a->kind(), a->data()).value() == *a);
    check(parse_address(a->text()).value() == *a);
}

void read_bytes(bytes_view input) {
    if (input.empty()) return;
    const auto a = address::from_bytes(address_kind{input[0]}, input.subspan(1));
    if (!a) return;
    check(!network_prefix(*a).empty());
    check(scope_of(*a) <= address_scope::global);
    check(a->with_port(a->port()) == *a);
    const auto again = parse_address(a->text());
    // Kinds of newer peers have a text for people only.
    check(again ? *again == *a : a->kind() >= address_kind::relay);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    read_text({data, size});
    read_bytes({data, size});
    return 0;
}
