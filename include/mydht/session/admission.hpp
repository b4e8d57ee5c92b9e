#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <mydht/core/id.hpp>
#include <mydht/core/keys.hpp>
#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>
#include <mydht/runtime/task.hpp>

namespace mydht {

struct peer_info;

/// What an application says to a peer that wants a session, or that this node has dialled.
class admission_verdict {
public:
    enum class kind : std::uint8_t { refuse, block, accept };

    /// Not now; it is asked again when the peer comes again.
    [[nodiscard]] static admission_verdict refuse() noexcept;
    /// Not for this long: until then the peer is refused, and not dialled, without asking again, unless its host
    /// changes. At most admission_config::block_max counts.
    [[nodiscard]] static admission_verdict block(duration time) noexcept;
    /// Let in. Of two peers the one of the higher priority keeps its session when there are too many, pays less of its
    /// rate limit (priority_discount), and keeps its place when a routing table is full, or is given that of the other.
    [[nodiscard]] static admission_verdict accept(std::uint8_t priority = 0) noexcept;

    [[nodiscard]] kind what() const noexcept { return what_; }
    [[nodiscard]] duration time() const noexcept { return time_; }
    [[nodiscard]] std::uint8_t priority() const noexcept { return priority_; }

private:
    admission_verdict(kind what, duration time, std::uint8_t priority) noexcept
        : what_(what), priority_(priority), time_(time) {}

    kind what_;
    std::uint8_t priority_;
    duration time_;
};

/// Decides about one session with a peer whose identity is proven (on plain links: claimed). Called on the node's
/// executor; may wait, up to the handshake timeout, after which it is cancelled and the peer is not let in. A task that
/// throws refuses.
using admission_callback = std::function<task<admission_verdict>(peer_info who)>;

/// Who may have a session with this node, whoever dials. Until it is decided a peer has no rights: nothing of it is
/// served, nothing is sent to it, it enters no table. The deny list comes first, then the allow list, then blocks, then
/// `decide`.
struct admission_config {
    /// Nobody else is let in. Off: anybody. Of no use on plain links, which prove no identity, and refused there.
    std::optional<std::vector<node_id>> allow;
    /// Never let in. An identity costs nothing, so this keeps out those who want to be known.
    std::vector<node_id> deny;
    /// Asked about whom the lists let through, once for each kind of transport (`who.kind`). Off: accept with priority
    /// 0.
    admission_callback decide;
    /// Blocks that are remembered; a further one takes the place of the oldest.
    std::size_t blocks_max = 4096;
    /// The longest block.
    std::chrono::hours block_max{24 * 7};
};

/// Success, or errc::bad_configuration.
[[nodiscard]] result<void> check(const admission_config& config) noexcept;

}  // namespace mydht
