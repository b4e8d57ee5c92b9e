#include "query/refusal.hpp"

#include <variant>

#include <mydht/query/responder.hpp>

namespace mydht::detail {

std::error_code refusal_in(const result<reply>& answer) noexcept {
    std::error_code why;
    if (!answer) {
        why = answer.error();
    } else if (const auto* said = std::get_if<wire::error>(&answer->what)) {
        why = meaning_of(said->code);
    }
    const bool refused = why == errc::throttled || why == errc::peer_busy || why == errc::not_admitted;
    return refused ? why : std::error_code();
}

bool was_not_sent(std::error_code why) noexcept {
    return why == errc::unsupported_address || why == errc::throttled || why == errc::too_many_requests ||
           why == errc::not_running || why == errc::not_admitted || why == errc::peer_blocked;
}

bool was_not_asked(std::error_code why) noexcept {
    return was_not_sent(why) || why == errc::unreachable || why == errc::connection_refused;
}

void count_refusal(put_report& into, std::error_code why) noexcept {
    if (why == errc::value_stale) {
        ++into.stale;
    } else if (why == errc::cas_mismatch) {
        ++into.mismatched;
    } else {
        ++into.refused;
    }
}

}  // namespace mydht::detail
