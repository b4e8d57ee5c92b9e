#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <mydht/core/bytes.hpp>
#include <mydht/core/keys.hpp>
#include <mydht/core/time.hpp>

#include "query/payer.hpp"

namespace mydht::detail {

/// The requests that services of this node were asked, so that none is answered twice by running its handler twice, and
/// their replies, so that who drops one does not keep it from the asker. No request is forgotten before its time, as
/// loop tags are: when there is no room, it is better not to answer. Replies make room for others, those of the
/// neighbour that has most first. A plain value.
class answered_requests {
public:
    /// Of all requests, and of all bytes, one neighbour gets one part in so many, and one network prefix.
    static constexpr std::size_t parts_of_neighbour = 8;
    static constexpr std::size_t parts_of_prefix = 2;
    /// What a reply counts beside its bytes.
    static constexpr std::size_t reply_overhead = 512;

    answered_requests(std::size_t capacity, std::size_t reply_bytes) : capacity_(capacity), reply_bytes_(reply_bytes) {}

    enum class verdict : std::uint8_t {
        fresh,  ///< it is noted now
        again,
        full,  ///< or the share of the payer is
    };
    [[nodiscard]] verdict note(const id256& question, const payer& by, steady_time now, steady_time until);

    /// Keeps the reply to a request that was noted, at most until then, if the payer's share has room for it.
    void keep(const id256& question, bytes reply, steady_time now, steady_time until);
    /// Until the next change; null when there is none any more.
    [[nodiscard]] const bytes* reply_to(const id256& question, steady_time now) const;

    [[nodiscard]] std::size_t size() const noexcept { return known_.size(); }
    [[nodiscard]] std::size_t bytes_of_replies() const noexcept { return bytes_; }

private:
    struct entry {
        payer by;
        steady_time until{};
        std::optional<bytes> reply;
        steady_time reply_until{};
        std::uint64_t age = 0;  // of the reply
    };
    struct account {
        std::size_t requests = 0;
        std::size_t bytes = 0;
        std::set<std::pair<std::uint64_t, id256>> replies;  // oldest first
    };

    void forget_ended(steady_time now);
    void drop_reply(const id256& question);
    void count_reply(const id256& question, const entry& which, bool in);

    std::size_t capacity_;
    std::size_t reply_bytes_;
    std::size_t bytes_ = 0;
    std::uint64_t next_age_ = 0;
    std::map<id256, entry> known_;
    std::set<std::pair<steady_time, id256>> by_end_;
    std::set<std::pair<steady_time, id256>> reply_ends_;
    std::map<node_id, account> neighbours_;
    std::map<bytes, account> prefixes_;
    std::set<std::pair<std::size_t, node_id>> loads_;  // neighbours with replies, by their bytes
};

}  // namespace mydht::detail
