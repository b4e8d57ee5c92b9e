#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <mydht/value/namespaces.hpp>
#include <mydht/value/order.hpp>
#include <mydht/value/value.hpp>

#include "query/walk.hpp"

namespace mydht::detail {

/// Walks to the peers nearest to a target.
class find_peers final : public walk_purpose {
public:
    find_peers(const id256& target, wire::kind_mask kinds) : target_(target), kinds_(kinds) {}

    [[nodiscard]] wire::message question() const override;
    [[nodiscard]] verdict judge(const contact& from, wire::message& answer, std::vector<contact>& heard) override;

private:
    id256 target_;
    wire::kind_mask kinds_;
};

/// Walks to a value: opens every copy, keeps the different ones, and ends the walk when it has what was asked for.
class find_copies final : public walk_purpose {
public:
    /// One of the values that were found, and how many peers gave it.
    struct candidate {
        value what;
        rank order;
        std::size_t copies = 0;
    };

    /// `wanted`: end after so many copies of a mutable value; when not set, all of the nearest are asked, since one of
    /// them may have a newer one.
    find_copies(const id256& target, wire::kind_mask kinds, const namespaces& rules, const time_source& time,
                std::optional<std::size_t> wanted)
        : target_(target), kinds_(kinds), rules_(rules), time_(time), wanted_(wanted) {}

    [[nodiscard]] wire::message question() const override;
    [[nodiscard]] verdict judge(const contact& from, wire::message& answer, std::vector<contact>& heard) override;

    /// Keeps so many different values at most, the newest.
    void keep_most(std::size_t count) { most_ = count; }
    /// Judges an item from anywhere. False when it is a lie: no honest peer hands it out. A value that has just expired
    /// by this node's clock, or of a namespace that it does not know, is none, and is left out.
    bool take(item what);
    /// What is taken comes through peers that need not know its namespace: that the rules refuse it is no lie of
    /// theirs. `passes_on`: this node, too, takes what it does not know, for whoever asked it.
    void comes_through_others(bool passes_on) {
        through_others_ = true;
        passes_unknown_ = passes_on;
    }
    /// Values that are known already are no further copies while it does not count them.
    void counts_copies(bool counts) { counts_copies_ = counts; }
    /// Versions of a mutable value before this one are left out, and counted.
    void at_least(std::uint64_t sequence) { least_ = sequence; }
    /// Told each valid value that is new, or newer than the one it replaces.
    void tell(std::function<void(const value&)> on_fresh) { on_fresh_ = std::move(on_fresh); }
    [[nodiscard]] bool enough() const;
    /// What was found is a hash's one preimage: there are no other versions of it.
    [[nodiscard]] bool is_one_of_a_kind() const;

    [[nodiscard]] const std::vector<candidate>& candidates() const noexcept { return candidates_; }
    /// Valid ones that were taken.
    [[nodiscard]] std::size_t copies() const noexcept { return copies_; }
    /// Valid ones that were left out, see at_least().
    [[nodiscard]] std::size_t too_old() const noexcept { return too_old_; }
    [[nodiscard]] std::size_t invalid() const noexcept { return invalid_; }
    /// Values through others that the rules of their namespaces refuse.
    [[nodiscard]] std::size_t unfit() const noexcept { return unfit_; }

private:
    enum class fitness : std::uint8_t { fits, none, unfit, lie };
    [[nodiscard]] fitness fitness_of(const result<value>& opened) const;

    id256 target_;
    wire::kind_mask kinds_;
    const namespaces& rules_;
    const time_source& time_;
    std::optional<std::size_t> wanted_;
    std::function<void(const value&)> on_fresh_;
    /// Different valid values of one key that are kept in mind. More than one exists only while a newer one spreads.
    std::size_t most_ = 16;
    std::vector<candidate> candidates_;
    std::size_t copies_ = 0;
    std::uint64_t least_ = 0;
    std::size_t too_old_ = 0;
    std::size_t invalid_ = 0;
    std::size_t unfit_ = 0;
    bool through_others_ = false;
    bool counts_copies_ = true;
    bool passes_unknown_ = false;
};

}  // namespace mydht::detail
