#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <mydht/core/result.hpp>
#include <mydht/wire/message.hpp>

namespace mydht::detail {

/// A request of ours that waits for its answer. Lives in the coroutine that waits.
class pending_request {
public:
    pending_request() = default;
    pending_request(const pending_request&) = delete;
    pending_request& operator=(const pending_request&) = delete;

    /// Called at most once, by request_table.
    virtual void settle(result<wire::message> answer) = 0;

protected:
    ~pending_request() = default;
};

/// The requests of ours that are under way on one session: gives them ids and finds them again by the ids of the
/// answers. No I/O, no time; nothing is kept for a request but its place.
///
/// Ids only grow, so a late answer to a request that was given up is known as such, and an id that was never given out
/// as a lie of the peer.
class request_table {
public:
    explicit request_table(std::size_t capacity) : capacity_(capacity) {}

    /// The id to send. Errors: errc::too_many_requests.
    [[nodiscard]] result<std::uint64_t> add(pending_request& waits);

    /// Forgets the request; nothing happens when it has been settled.
    void remove(std::uint64_t id) noexcept;

    /// Gives the answer to the request with this id and forgets it; a late one is dropped.
    /// Errors: errc::protocol_violation for an id that was never given out.
    [[nodiscard]] result<void> settle(std::uint64_t id, result<wire::message> answer);

    /// Gives all of them this error, in the order of their ids.
    void fail_all(std::error_code why);

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

    /// Gives the memory back if nothing is in it.
    void release() noexcept;
    [[nodiscard]] std::size_t memory() const noexcept { return places_.capacity() * sizeof(place); }

private:
    struct place {
        std::uint64_t id = 0;
        pending_request* waits = nullptr;
    };

    /// An id lies at its remainder; an id whose place is taken is skipped. `places_` is empty or a power of two long.
    [[nodiscard]] place& place_of(std::uint64_t id) noexcept { return places_[id & (places_.size() - 1)]; }
    void grow();

    std::size_t capacity_;
    std::size_t size_ = 0;
    std::uint64_t next_ = 1;
    std::vector<place> places_;
};

}  // namespace mydht::detail
