#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include <mydht/core/keys.hpp>
#include <mydht/core/time.hpp>

namespace mydht::detail {

/// The requests that services of this node were asked, so that none is answered twice. None is forgotten before its
/// time, as loop tags are: when there is no room, it is better not to answer. A plain value.
class answered_requests {
public:
    explicit answered_requests(std::size_t capacity) : capacity_(capacity) {}

    enum class verdict : std::uint8_t {
        fresh,  ///< it is noted now
        again,
        full,
    };
    [[nodiscard]] verdict note(const id256& question, steady_time now, steady_time until);

    [[nodiscard]] std::size_t size() const noexcept { return known_.size(); }

private:
    std::size_t capacity_;
    std::set<id256> known_;
    std::set<std::pair<steady_time, id256>> by_end_;
};

}  // namespace mydht::detail
