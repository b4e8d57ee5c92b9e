#include "tools/timing_table.hpp"

#include <algorithm>

#include "tools/json.hpp"
#include "tools/output.hpp"

namespace mydht::tools {

namespace {

/// Nearest rank. There is at least one time: a row begins with one.
double percentile_ms(std::vector<duration> times, std::size_t percent) {
    std::sort(times.begin(), times.end());
    const auto rank = (times.size() * percent + 99) / 100;
    return milliseconds_of(times[rank - 1]);
}

std::string left(std::string text, std::size_t width) {
    text.resize(std::max(width, text.size()), ' ');
    return text;
}

std::string right(const std::string& text, std::size_t width) {
    return std::string(width - std::min(width, text.size()), ' ') + text;
}

std::string columns(const std::string& operation, const std::string& count, const std::string& succeeded,
                    const std::string& median, const std::string& p95) {
    return left(operation, 28) + right(count, 6) + right(succeeded, 9) + right(median, 11) + right(p95, 9) + "\n";
}

}  // namespace

void timing_table::add(std::string_view operation, bool succeeded, duration took) {
    auto found = std::find_if(rows_.begin(), rows_.end(), [&](const row& r) { return r.operation == operation; });
    if (found == rows_.end()) {
        rows_.push_back(row{std::string(operation), 0, {}});
        found = std::prev(rows_.end());
    }
    found->succeeded += succeeded ? 1 : 0;
    found->times.push_back(took);
}

std::size_t timing_table::failures() const {
    std::size_t out = 0;
    for (const auto& row : rows_) out += row.times.size() - row.succeeded;
    return out;
}

std::string timing_table::text() const {
    std::string out = columns("operation", "count", "success", "median ms", "p95 ms");
    for (const auto& row : rows_) {
        out += columns(row.operation, std::to_string(row.times.size()), std::to_string(row.succeeded),
                       fixed(percentile_ms(row.times, 50), 1), fixed(percentile_ms(row.times, 95), 1));
    }
    return out;
}

std::string timing_table::json() const {
    std::string out;
    for (const auto& row : rows_) {
        json_object object;
        object.text("operation", row.operation).number("count", row.times.size()).number("success", row.succeeded);
        object.decimal("median_ms", percentile_ms(row.times, 50));
        object.decimal("p95_ms", percentile_ms(row.times, 95));
        out += object.line();
    }
    return out;
}

}  // namespace mydht::tools
