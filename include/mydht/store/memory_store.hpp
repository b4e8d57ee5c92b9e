#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <mydht/store/store.hpp>

namespace mydht {

namespace detail {
class shelf;
}

/// A store that forgets with the process. Never suspends: every operation takes effect when its await begins. An entry
/// counts with its bytes, its place in the indexes, and the most that its quotas can need.
/// Time per operation grows with the logarithm of the number of entries, and with the number of entries that must make
/// room.
class memory_store {
public:
    /// Throws std::invalid_argument for limits that check() refuses.
    explicit memory_store(store_limits limits = {});
    memory_store(memory_store&&) noexcept;
    memory_store& operator=(memory_store&&) noexcept;
    ~memory_store();

    [[nodiscard]] task<result<put_outcome>> put(store_entry entry, std::optional<std::uint64_t> expected_sequence,
                                                wall_time now);
    [[nodiscard]] task<result<std::vector<store_entry>>> get(id256 where, wall_time now);
    [[nodiscard]] task<result<store_page>> list(store_cursor from, std::size_t max);
    [[nodiscard]] task<result<bool>> erase(id256 where);
    [[nodiscard]] task<result<std::size_t>> expire(wall_time now, std::size_t max);
    [[nodiscard]] task<result<store_usage>> usage();

private:
    std::unique_ptr<detail::shelf> shelf_;
};

static_assert(store<memory_store>);
static_assert(store<any_store>);

}  // namespace mydht
