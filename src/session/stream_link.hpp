#pragma once

#include <utility>

#include <mydht/transport/connection.hpp>

#include "session/proven_link.hpp"
#include "session/stream_handshake.hpp"

namespace mydht::detail {

/// A connection with a handshake on it: under way, then proven.
class stream_link final : public proven_link {
public:
    stream_link(any_connection connection_, stream_handshake handshake_, bool outgoing)
        : connection(std::move(connection_)), handshake(std::move(handshake_)), outgoing_(outgoing) {}

    [[nodiscard]] const contact& peer() const override { return handshake.peer(); }
    [[nodiscard]] address remote() const override { return connection.remote(); }
    [[nodiscard]] bool outgoing() const override { return outgoing_; }
    [[nodiscard]] result<std::shared_ptr<session_state>> open(std::shared_ptr<session_context> context) override;

    any_connection connection;
    stream_handshake handshake;
    bytes received;  ///< what came behind the handshake

private:
    bool outgoing_;
};

}  // namespace mydht::detail
