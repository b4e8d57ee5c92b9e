#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <mydht/core/time.hpp>

namespace mydht::tools {

/// How long operations took, by name, in the order in which the names first came.
class timing_table {
public:
    void add(std::string_view operation, bool succeeded, duration took);

    [[nodiscard]] std::size_t failures() const;

    /// For people: a line each with the count, the successes, and the median and 95th percentile (nearest rank) in
    /// milliseconds.
    [[nodiscard]] std::string text() const;
    /// The same as JSON objects, one a line.
    [[nodiscard]] std::string json() const;

private:
    struct row {
        std::string operation;
        std::size_t succeeded = 0;
        std::vector<duration> times;
    };

    std::vector<row> rows_;
};

}  // namespace mydht::tools
