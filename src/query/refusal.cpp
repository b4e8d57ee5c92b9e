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

}  // namespace mydht::detail
