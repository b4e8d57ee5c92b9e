#pragma once

#include <cstddef>

#include <mydht/core/item.hpp>
#include <mydht/core/limits.hpp>

namespace mydht::detail {

/// The bodies of the items in one answer, together: so much fits into a message in every codec, as text too.
inline constexpr std::size_t items_bytes = 640 * 1024;

/// What one answer has room for: an answer that is too large to be sent would be lost with all that is in it.
class answer_room {
public:
    /// Takes the item's place, when there is one.
    [[nodiscard]] bool take(const item& what) noexcept {
        if (count_ == limits::values_per_message || what.body.size() > items_bytes - bytes_) return false;
        ++count_;
        bytes_ += what.body.size();
        return true;
    }

private:
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace mydht::detail
