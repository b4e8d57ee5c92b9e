#include <mydht/store/store.hpp>

namespace mydht {

result<void> check(const store_limits& limits) {
    const auto off = [](const std::optional<std::size_t>& limit) { return limit && *limit == 0; };
    const auto& forwarded = limits.forwarded;
    if (limits.bytes_max == 0 || limits.cached_bytes_max == 0 || limits.page_bytes == 0 || off(limits.peer_bytes_max) ||
        off(limits.prefix_bytes_max) || off(limits.cached_peer_bytes_max) || off(limits.cached_prefix_bytes_max) ||
        forwarded.bytes_max == 0 || off(forwarded.peer_bytes_max) || off(forwarded.prefix_bytes_max)) {
        return failure(errc::bad_configuration);
    }
    return {};
}

}  // namespace mydht
