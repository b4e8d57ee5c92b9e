#pragma once

#include <memory>
#include <optional>

#include "query/forwarding_state.hpp"

namespace mydht::detail {

/// Has a request to a service answered at this peer, once, and signs the reply. `query` must live until then. Nothing
/// when it is not answered: it does not open, was answered before, or, when it is for anybody who serves the name, too
/// many run here. Everything is counted. Cancelled: so is the handler.
[[nodiscard]] task<std::optional<item>> answer_request(std::shared_ptr<forwarding_state> in, const wire::forward& query,
                                                       peer_info from, std::optional<public_key> collector,
                                                       steady_time deadline);

}  // namespace mydht::detail
