#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <mydht/core/contact.hpp>
#include <mydht/wire/message.hpp>

namespace mydht::detail {

/// One peer that a query is sent on to, into how many paths it may split behind it, and how many results are wanted of
/// it.
struct branch {
    contact to;
    std::uint8_t paths = 1;
    std::uint8_t results = 1;
};

/// Shares a query out among the peers that it is sent on to: as many side by side as it has paths, at most `fan_out` in
/// all. Where a peer was visited before, or is not there, its share goes to the next one. Of results everybody is asked
/// for one at least, unless it shares strictly, as with a ticket: then all together are asked for no more than there
/// are, who would get none has to wait, and what one did not use goes to another. Copies that a put may leave on the
/// way are shared out as strictly, but who gets none is sent the query all the same, for the ends of its paths. A plain
/// value.
class branches {
public:
    /// `candidates`: whom to send it to, best first; those beyond fan_out are not used.
    branches(std::vector<contact> candidates, const wire::forward& query);

    /// The next peer to send it to; nothing while enough are under way, or nobody is left.
    [[nodiscard]] std::optional<branch> next();
    /// The path that was sent to this branch has ended: it came to something, or to a dead end. `used`: results that it
    /// came to.
    void ended(const branch& path, std::size_t used);
    /// It never began: somebody else may have its share.
    void given_back(const branch& unused);
    /// Nobody knows what has become of it: somebody else may have its paths, but its results may be used.
    void lost(const branch& unknown);

    /// Nobody under way says anything: one more peer may be asked for a result. False when none is left.
    bool one_more();

    /// How many paths it was meant to split into.
    [[nodiscard]] std::size_t width() const noexcept { return width_; }
    [[nodiscard]] std::size_t under_way() const noexcept { return under_way_; }
    /// Results that nobody is asked for, and nobody was who may still have used them.
    [[nodiscard]] std::size_t results_left() const noexcept { return results_; }

private:
    bool strict_;
    bool along_;  // results are copies on the way
    std::vector<contact> candidates_;
    std::vector<std::uint8_t> paths_;  // shares not yet sent to anybody, the largest last
    std::size_t most_;                 // results for anybody
    std::size_t results_;              // not yet asked for
    std::size_t width_ = 0;
    std::size_t next_ = 0;
    std::size_t under_way_ = 0;
};

}  // namespace mydht::detail
