#pragma once

#include <sys/resource.h>

#include <chrono>

namespace mydht::bench {

/// The time that went by, and that of the processor for all threads of the program.
struct usage {
    double wall_us = 0;
    double cpu_us = 0;

    [[nodiscard]] static usage now() {
        rusage used{};
        getrusage(RUSAGE_SELF, &used);
        const auto us = [](const timeval& t) {
            return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
        };
        const auto wall = std::chrono::steady_clock::now().time_since_epoch();
        usage out;
        out.wall_us = std::chrono::duration<double, std::micro>(wall).count();
        out.cpu_us = us(used.ru_utime) + us(used.ru_stime);
        return out;
    }

    void add_since(const usage& before) {
        const auto after = now();
        wall_us += after.wall_us - before.wall_us;
        cpu_us += after.cpu_us - before.cpu_us;
    }
};

}  // namespace mydht::bench
