#pragma once

#include <memory>
#include <optional>

#include "query/forwarding_state.hpp"

namespace mydht::detail {

/// What came of a request to a service of this node.
struct answered_request {
    std::optional<item> reply;
    bool begun = false;       ///< a handler was begun for it
    bool unfinished = false;  ///< one runs on, and it was not waited for any longer
};

/// Has a request to a service answered at this peer, by a handler that is begun once, and signs the reply; a sealed one
/// that comes again waits for the same reply, or gets it again. `query` must live until then. There is no reply when it
/// does not open, was answered before and that is not known any more, runs on, or, when it is for anybody who serves
/// the name, too many run here, or it runs already. Everything is counted. Cancelled: the handler goes on for others
/// who wait, and of a sealed one for a while, in which they may come.
[[nodiscard]] task<answered_request> answer_request(std::shared_ptr<forwarding_state> in, const wire::forward& query,
                                                    peer_info from, std::optional<public_key> collector,
                                                    steady_time deadline);

}  // namespace mydht::detail
