#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include <mydht/core/bytes.hpp>
#include <mydht/core/contact.hpp>
#include <mydht/query/options.hpp>
#include <mydht/query/report.hpp>

namespace mydht {

/// Whom a request is for.
class request_target {
public:
    /// This peer alone. Its addresses are used by iterative() only, and need not be known otherwise.
    request_target(contact who)  // NOLINT(google-explicit-constructor)
        : id_(who.id), who_(std::move(who)), is_peer_(true) {}

    /// The peer of this id, whose key is looked for when it is not known.
    [[nodiscard]] static request_target peer(const node_id& who) { return {who, true}; }
    /// Whoever serves the name nearest to the key.
    [[nodiscard]] static request_target key(const id256& where) { return {where, false}; }

    [[nodiscard]] const id256& id() const noexcept { return id_; }
    [[nodiscard]] bool is_peer() const noexcept { return is_peer_; }
    [[nodiscard]] const std::optional<contact>& who() const noexcept { return who_; }

private:
    request_target(const id256& id, bool is_peer) : id_(id), is_peer_(is_peer) {}

    id256 id_;
    std::optional<contact> who_;
    bool is_peer_;
};

/// How a request to a service is made.
class request_options : public travel_options<request_options> {
public:
    request_options() {}

    /// Give up after this long; the node's query timeout when not set. Nobody answers the request later.
    request_options& timeout(std::chrono::milliseconds limit) {
        timeout_ = limit;
        return *this;
    }
    /// Of a request to a key: how many peers may answer it at most, one when not set. Their handlers may run although
    /// no reply comes back.
    request_options& results(std::size_t most) {
        results_ = most;
        return *this;
    }

    [[nodiscard]] std::optional<std::chrono::milliseconds> timeout() const noexcept { return timeout_; }
    [[nodiscard]] std::size_t results() const noexcept { return results_.value_or(1); }

private:
    std::optional<std::chrono::milliseconds> timeout_;
    std::optional<std::size_t> results_;
};

/// What one peer replied.
struct request_answer {
    request_answer() {}
    request_answer(const public_key& from, bytes what) : answerer(from), reply(std::move(what)) {}

    public_key answerer;
    bytes reply;
};

/// What came of a request.
struct request_report {
    request_report() {}

    std::vector<request_answer> answers;  ///< one at least
    lookup_report lookup;

    [[nodiscard]] const bytes& reply() const noexcept { return answers.front().reply; }
    [[nodiscard]] const public_key& answerer() const noexcept { return answers.front().answerer; }
};

}  // namespace mydht
