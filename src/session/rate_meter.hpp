#pragma once

#include <chrono>
#include <cstdint>

#include <mydht/core/time.hpp>

namespace mydht::detail {

/// How often something happens: the count of this second, and what is left of the last one's when it is spread evenly.
class rate_meter {
public:
    void add(steady_time now) noexcept {
        move_to(now);
        ++this_second_;
    }

    [[nodiscard]] double per_second(steady_time now) noexcept {
        move_to(now);
        const auto gone = std::chrono::duration<double>(now - second_).count();
        return static_cast<double>(this_second_) + static_cast<double>(last_second_) * (1.0 - gone);
    }

private:
    void move_to(steady_time now) noexcept {
        constexpr std::chrono::seconds second(1);
        if (now - second_ < second) return;
        last_second_ = now - second_ < 2 * second ? this_second_ : 0;
        this_second_ = 0;
        second_ = std::chrono::time_point_cast<duration>(std::chrono::floor<std::chrono::seconds>(now));
    }

    steady_time second_{};
    std::uint64_t this_second_ = 0;
    std::uint64_t last_second_ = 0;
};

}  // namespace mydht::detail
