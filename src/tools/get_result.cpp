#include "tools/get_result.hpp"

#include "tools/explain.hpp"
#include "tools/json.hpp"
#include "tools/output.hpp"

namespace mydht::tools {

outcome<void> print_found(const get_report& found, bool json) {
    const auto& best = found.best;
    if (!json) return write_value(best.text());
    json_object object;
    object.text("key", best.key().hex()).base64("value_base64", best.content());
    if (best.author()) {
        object.text("author", best.author()->hex()).base64("salt_base64", best.salt());
        object.number("sequence", best.sequence());
    }
    object.number("deadline_unix_ms", static_cast<std::uint64_t>(best.deadline().time_since_epoch().count()));
    object.number("copies", found.copies).number("older", found.older).number("invalid", found.invalid);
    object.decimal("lookup_ms", milliseconds_of(found.lookup.took));
    return write_result(object.line());
}

tl::unexpected<problem> problem_of_get(const outcome<get_report>& found, const id256& key, const lookup_report& seen) {
    const bool missing = found.error().code == exit_code::not_found;
    if (missing && was_retracted(errc::not_found, seen)) return tl::unexpected<problem>(retracted(key.hex()));
    return problem_of(found);
}

}  // namespace mydht::tools
