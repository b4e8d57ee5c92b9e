#include "session/stream_link.hpp"

#include "session/stream_session.hpp"

namespace mydht::detail {

result<std::shared_ptr<session_state>> stream_link::open(std::shared_ptr<session_context> context) {
    stream_session::beginnings from;
    auto outcome = handshake.finish(from.first);
    if (!outcome) return failure(outcome.error());
    from.connection = std::move(connection);
    from.outcome = std::move(*outcome);
    from.received = std::move(received);
    from.outgoing = outgoing_;
    return std::make_shared<stream_session>(std::move(context), std::move(from));
}

}  // namespace mydht::detail
