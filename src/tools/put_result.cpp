#include "tools/put_result.hpp"

#include "tools/json.hpp"
#include "tools/output.hpp"

namespace mydht::tools {

outcome<void> print_put(const put_report& report, bool json) {
    if (!json) return write_result(report.key.hex() + "\n");
    json_object object;
    object.text("key", report.key.hex()).number("stored", report.stored).number("sequence", report.sequence);
    object.number("stale", report.stale).number("mismatched", report.mismatched).number("refused", report.refused);
    object.number("failed", report.failed).decimal("lookup_ms", milliseconds_of(report.lookup.took));
    return write_result(object.line());
}

}  // namespace mydht::tools
