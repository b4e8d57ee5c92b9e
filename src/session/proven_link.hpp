#pragma once

#include <memory>
#include <optional>

#include <mydht/core/contact.hpp>
#include <mydht/core/result.hpp>
#include <mydht/wire/message.hpp>

#include "session/session_state.hpp"

namespace mydht::detail {

/// A peer that has proven who it is, on a link that has no session yet. Dropped, the peer is not told: on a link that
/// this side dialled it then never knew.
class proven_link {
public:
    proven_link() = default;
    proven_link(const proven_link&) = delete;
    proven_link& operator=(const proven_link&) = delete;
    virtual ~proven_link() = default;

    /// Its addresses as the peer says them.
    [[nodiscard]] virtual const contact& peer() const = 0;
    [[nodiscard]] virtual address remote() const = 0;
    [[nodiscard]] virtual bool outgoing() const = 0;

    /// What came together with the proof is not looked at. Before open().
    virtual void drop_first_packets() {}

    /// What the peer has answered to the request that travelled in the first packet; once.
    [[nodiscard]] virtual std::optional<wire::message> take_early_answer() { return std::nullopt; }

    /// The session; once. Errors: errc::handshake_order, errc::too_large for an own payload that does not fit.
    [[nodiscard]] virtual result<std::shared_ptr<session_state>> open(std::shared_ptr<session_context> context) = 0;
};

using proven_ptr = std::unique_ptr<proven_link>;

}  // namespace mydht::detail
