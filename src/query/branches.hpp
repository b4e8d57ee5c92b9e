#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <mydht/core/contact.hpp>
#include <mydht/wire/message.hpp>

namespace mydht::detail {

/// One peer that a query is sent on to, and into how many paths it may split behind it.
struct branch {
    contact to;
    std::uint8_t paths = 1;
    std::uint8_t results = 1;
};

/// Shares a query out among the peers that it is sent on to: as many side by side as it has paths, at most `fan_out` in all.
/// Where a peer was visited before, or is not there, its share goes to the next one. A plain value.
class branches {
public:
    /// `candidates`: whom to send it to, best first; those beyond fan_out are not used.
    branches(std::vector<contact> candidates, const wire::forward& query);

    /// The next peer to send it to; nothing while enough are under way, or nobody is left.
    [[nodiscard]] std::optional<branch> next();
    /// The path that was sent to this branch has ended: it came to something, or to a dead end.
    void ended();
    /// It never began: somebody else may have its share.
    void given_back(const branch& unused);

    /// How many paths it was meant to split into.
    [[nodiscard]] std::size_t width() const noexcept { return width_; }
    [[nodiscard]] std::size_t under_way() const noexcept { return under_way_; }
    /// Peers that it was sent to.
    [[nodiscard]] std::size_t sent() const noexcept { return next_; }

private:
    struct share {
        std::uint8_t paths = 1;
        std::uint8_t results = 1;
    };

    std::vector<contact> candidates_;
    std::vector<share> shares_;  // not yet sent to anybody, the largest last
    std::size_t width_ = 0;
    std::size_t next_ = 0;
    std::size_t under_way_ = 0;
};

}  // namespace mydht::detail
