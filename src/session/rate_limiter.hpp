#pragma once

#include <cstdint>

#include <mydht/core/address.hpp>
#include <mydht/core/bytes.hpp>
#include <mydht/core/recent_map.hpp>
#include <mydht/core/time.hpp>
#include <mydht/session/rate_limits.hpp>
#include <mydht/session/token_bucket.hpp>

namespace mydht::detail {

/// What to do with a request of a peer.
enum class rate_verdict : std::uint8_t {
    serve,
    tell,  ///< do not serve it, and say so
    drop,  ///< do not serve it; enough was said
};

/// Counts the requests of peers.
class request_limiter {
public:
    /// `limits` must be valid.
    request_limiter(const request_limits& limits, bool exempt_loopback);

    [[nodiscard]] rate_verdict take(const address& from, std::uint8_t priority, steady_time now);

    /// Entries held; for tests.
    [[nodiscard]] std::size_t endpoints() const noexcept { return endpoints_.size(); }
    [[nodiscard]] std::size_t prefixes() const noexcept { return prefixes_.size(); }

private:
    struct account {
        token_bucket requests;
        token_bucket refusals;
    };

    request_limits limits_;
    bool exempt_loopback_;
    recent_map<address, account> endpoints_;
    recent_map<bytes, account> prefixes_;
};

/// Counts what strangers begin (handshakes) by their network prefix.
class prefix_limiter {
public:
    /// `limit` must be valid.
    prefix_limiter(const rate_limit& limit, std::size_t entries_max, bool exempt_loopback);

    /// False when the prefix has had enough for now.
    [[nodiscard]] bool take(const address& from, steady_time now);

    [[nodiscard]] std::size_t prefixes() const noexcept { return prefixes_.size(); }

private:
    rate_limit limit_;
    bool exempt_loopback_;
    recent_map<bytes, token_bucket> prefixes_;
};

}  // namespace mydht::detail
