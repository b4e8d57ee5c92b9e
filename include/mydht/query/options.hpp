#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <mydht/core/bytes.hpp>
#include <mydht/query/query_mode.hpp>
#include <mydht/query/report.hpp>
#include <mydht/value/value.hpp>

namespace mydht {

// Options are built by chained setters on a type with a constructor of its own: an aggregate that is written inside a
// co_await expression is destroyed twice by g++ 12.

/// How a query that travels goes through the network; travel_rules say what is used when nothing is set here. An option
/// that has no meaning in the chosen mode is refused: errc::bad_argument.
template <typename Options>
class travel_options {
public:
    /// How the query travels: iterative() when not set.
    Options& mode(query_mode how) {
        mode_ = how;
        return self();
    }
    /// Not for iterative queries, and so are the others below: how often peers send it on.
    Options& hops(std::uint8_t count) {
        hops_ = count;
        return self();
    }
    /// To how many peers each sends it.
    Options& fan_out(std::uint8_t count) {
        fan_out_ = count;
        return self();
    }
    /// Into how many paths it may split in all: what bounds its messages.
    Options& spread(std::uint8_t count) {
        spread_ = count;
        return self();
    }
    /// Peers that have too much to do refuse those of low priority first.
    Options& priority(std::uint8_t level) {
        priority_ = level;
        return self();
    }

    [[nodiscard]] query_mode mode() const noexcept { return mode_.value_or(iterative()); }
    [[nodiscard]] bool has_mode() const noexcept { return mode_.has_value(); }
    [[nodiscard]] std::optional<std::uint8_t> hops() const noexcept { return hops_; }
    [[nodiscard]] std::optional<std::uint8_t> fan_out() const noexcept { return fan_out_; }
    [[nodiscard]] std::optional<std::uint8_t> spread() const noexcept { return spread_; }
    [[nodiscard]] std::optional<std::uint8_t> priority() const noexcept { return priority_; }

private:
    travel_options() {}
    friend Options;
    Options& self() { return static_cast<Options&>(*this); }

    std::optional<query_mode> mode_;
    std::optional<std::uint8_t> hops_;
    std::optional<std::uint8_t> fan_out_;
    std::optional<std::uint8_t> spread_;
    std::optional<std::uint8_t> priority_;
};

/// How a get is made.
class get_options : public travel_options<get_options> {
public:
    get_options() {}

    /// Give up after this long; the node's query timeout when not set.
    get_options& timeout(std::chrono::milliseconds limit) {
        timeout_ = limit;
        return *this;
    }
    /// How many peers must have given a copy before a mutable value counts as found without asking all of the nearest.
    /// The first valid copy of an immutable value always ends the walk: it cannot be another one. With direct() also
    /// how many peers may bring something, as many as there are paths if this is not set.
    get_options& results(std::size_t wanted) {
        results_ = wanted;
        return *this;
    }
    /// Told each valid new value as it comes, on the node's executor; the get completes as it would without. Must not
    /// throw. With proxied() and mixed() peers then pass on what they find at once.
    get_options& on_result(std::function<void(const value&)> tell) {
        on_result_ = std::move(tell);
        return *this;
    }
    /// Look into this node's own store only.
    get_options& local(bool only = true) {
        local_ = only;
        return *this;
    }
    /// Iterative only: walk over so many disjoint paths, for gets that a few liars must not decide.
    get_options& disjoint_paths(std::size_t count) {
        disjoint_paths_ = count;
        return *this;
    }
    /// A query that travels and comes to nothing is begun so often in all, each time wider where hops, fan_out and
    /// spread are not set. Not for iterative and direct queries. With 1 it is quicker and cheaper to hear that nobody
    /// has it.
    get_options& rounds(std::uint8_t most) {
        rounds_ = most;
        return *this;
    }
    /// Versions of a mutable value before this one are none: for whoever has seen it, or has published it. A query that
    /// travels is begun again when only older ones have come; when no other comes at all, the get ends with
    /// errc::value_stale.
    get_options& at_least(std::uint64_t sequence) {
        at_least_ = sequence;
        return *this;
    }
    /// Peers that pass what is found back keep a copy for a while. Not for iterative gets.
    get_options& cached(bool wanted = true) {
        cached_ = wanted;
        return *this;
    }
    /// Peers that get the query cannot tell that this node asks and does not pass it on (hidden.hpp). Proxied only, and
    /// costs more messages. errc::bad_argument with another mode, with options that would make it look different (hops,
    /// fan_out, spread, priority, rounds and cached) or that mean nothing here (disjoint_paths), and on a node that
    /// serves nobody: a client, or one that listens nowhere. The same holds where travel_rules say that gets are
    /// hidden, unless options say hide(false). One that has just joined passes little on, and is little hidden.
    get_options& hide(bool wanted = true) {
        hidden_ = wanted;
        return *this;
    }
    /// Where to write what happened, also when the get fails (not when it is cancelled). All zero when the own store
    /// had the answer. Must live until the get has completed. The same for lookups.
    get_options& report_to(lookup_report& into) {
        report_ = &into;
        return *this;
    }

    [[nodiscard]] std::optional<std::chrono::milliseconds> timeout() const noexcept { return timeout_; }
    [[nodiscard]] std::optional<std::size_t> results() const noexcept { return results_; }
    [[nodiscard]] const std::function<void(const value&)>& on_result() const noexcept { return on_result_; }
    [[nodiscard]] bool is_local() const noexcept { return local_; }
    [[nodiscard]] std::optional<std::size_t> disjoint_paths() const noexcept { return disjoint_paths_; }
    [[nodiscard]] std::optional<std::uint8_t> rounds() const noexcept { return rounds_; }
    [[nodiscard]] std::uint64_t at_least() const noexcept { return at_least_; }
    [[nodiscard]] std::optional<bool> is_cached() const noexcept { return cached_; }
    [[nodiscard]] std::optional<bool> is_hidden() const noexcept { return hidden_; }
    [[nodiscard]] lookup_report* report() const noexcept { return report_; }

private:
    std::optional<std::chrono::milliseconds> timeout_;
    std::optional<std::size_t> results_;
    std::function<void(const value&)> on_result_;
    std::optional<std::size_t> disjoint_paths_;
    std::optional<std::uint8_t> rounds_;
    std::uint64_t at_least_ = 0;
    std::optional<bool> cached_;
    std::optional<bool> hidden_;
    lookup_report* report_ = nullptr;
    bool local_ = false;
};

/// How a put is made.
class put_options : public travel_options<put_options> {
public:
    put_options() {}

    put_options& timeout(std::chrono::milliseconds limit) {
        timeout_ = limit;
        return *this;
    }
    /// How long the holders are asked to keep an immutable value; others have a signed deadline.
    put_options& lifetime(std::chrono::milliseconds length) {
        lifetime_ = length;
        return *this;
    }
    /// Compare-and-swap: holders that have another sequence refuse. Each holder decides for itself, so this is advice:
    /// count the copies, and read again to see who won.
    put_options& expect_sequence(std::uint64_t sequence) {
        expected_ = sequence;
        return *this;
    }
    /// Peers that the value passes keep it too, not those alone at which its paths end: as many more as
    /// travel_rules::results_max. Not for iterative puts.
    put_options& along_the_path(bool wanted = true) {
        along_ = wanted;
        return *this;
    }
    /// Keep it in this node's own store only.
    put_options& local(bool only = true) {
        local_ = only;
        return *this;
    }

    [[nodiscard]] std::optional<std::chrono::milliseconds> timeout() const noexcept { return timeout_; }
    [[nodiscard]] std::optional<std::chrono::milliseconds> lifetime() const noexcept { return lifetime_; }
    [[nodiscard]] std::optional<std::uint64_t> expected_sequence() const noexcept { return expected_; }
    [[nodiscard]] std::optional<bool> is_along_the_path() const noexcept { return along_; }
    [[nodiscard]] bool is_local() const noexcept { return local_; }

private:
    std::optional<std::chrono::milliseconds> timeout_;
    std::optional<std::chrono::milliseconds> lifetime_;
    std::optional<std::uint64_t> expected_;
    std::optional<bool> along_;
    bool local_ = false;
};

/// How a mutable value is published.
class publish_options {
public:
    publish_options() {}

    publish_options& timeout(std::chrono::milliseconds limit) {
        timeout_ = limit;
        return *this;
    }
    publish_options& lifetime(std::chrono::milliseconds length) {
        lifetime_ = length;
        return *this;
    }
    /// Tells several values of one author apart.
    publish_options& salt(std::string_view text) {
        salt_ = to_bytes(text);
        return *this;
    }
    publish_options& salt(bytes_view data) {
        salt_ = to_bytes(data);
        return *this;
    }
    /// When not set: one more than the newest that is found, 1 when there is none.
    publish_options& sequence(std::uint64_t number) {
        sequence_ = number;
        return *this;
    }
    publish_options& expect_sequence(std::uint64_t number) {
        expected_ = number;
        return *this;
    }
    publish_options& name_space(std::string_view name) {
        name_space_ = name;
        return *this;
    }

    [[nodiscard]] std::optional<std::chrono::milliseconds> timeout() const noexcept { return timeout_; }
    [[nodiscard]] std::optional<std::chrono::milliseconds> lifetime() const noexcept { return lifetime_; }
    [[nodiscard]] const bytes& salt() const noexcept { return salt_; }
    [[nodiscard]] std::optional<std::uint64_t> sequence() const noexcept { return sequence_; }
    [[nodiscard]] std::optional<std::uint64_t> expected_sequence() const noexcept { return expected_; }
    [[nodiscard]] const std::string& name_space() const noexcept { return name_space_; }

private:
    std::optional<std::chrono::milliseconds> timeout_;
    std::optional<std::chrono::milliseconds> lifetime_;
    std::optional<std::uint64_t> sequence_;
    std::optional<std::uint64_t> expected_;
    bytes salt_;
    std::string name_space_;
};

}  // namespace mydht
