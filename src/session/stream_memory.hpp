#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>

#include <mydht/core/time.hpp>
#include <mydht/runtime/clock.hpp>

namespace mydht::detail {

class stream_memory;

enum class stream_side_of : std::uint8_t {
    receiving,  ///< bytes that came and that nobody has read
    sending,    ///< bytes that were written and have not arrived
};

/// Whose streams hold the memory of an account.
class stream_holder {
public:
    stream_holder() = default;
    stream_holder(const stream_holder&) = delete;
    stream_holder& operator=(const stream_holder&) = delete;

    /// Memory is short: break off the streams on which nothing has moved for stream_memory::patience().
    virtual void drop_stale(stream_side_of side, steady_time now) = 0;
    /// Writers that found no room may look again.
    virtual void room_came() = 0;

protected:
    ~stream_holder() = default;
};

/// What the streams of one session hold of the node's memory for streams. Shared by the session, its streams, and
/// whoever keeps what came on one of them.
class stream_account {
public:
    explicit stream_account(std::shared_ptr<stream_memory> memory);
    stream_account(const stream_account&) = delete;
    stream_account& operator=(const stream_account&) = delete;
    ~stream_account();

    /// Who is asked for memory; none once the streams have no session any more.
    void held_by(stream_holder* holder) noexcept { holder_ = holder; }

    /// How much more it may hold now.
    [[nodiscard]] std::size_t room(stream_side_of side) const noexcept;
    /// True when so much more may be held. If not, the memory is short, and soon those are looked for that do not move.
    [[nodiscard]] bool has_room(stream_side_of side, std::size_t bytes) noexcept;
    /// The same for bytes behind a gap. They leave an eighth to those that close gaps, which readers can have at once.
    [[nodiscard]] bool has_room_behind_gap(std::size_t bytes) noexcept;
    /// A writer found no room, and waits for room_came().
    void wait_for_room() noexcept;
    /// Counts what somebody holds now, which was `counted` before.
    void count(stream_side_of side, std::size_t& counted, std::size_t now_held) noexcept;

    [[nodiscard]] std::size_t held(stream_side_of side) const noexcept { return held_[static_cast<std::size_t>(side)]; }
    /// Windows may grow: neither the account nor the node is half full.
    [[nodiscard]] bool at_ease() const noexcept;
    [[nodiscard]] const stream_memory& memory() const noexcept { return *memory_; }

private:
    friend class stream_memory;

    [[nodiscard]] bool worth_waking() const noexcept;

    std::shared_ptr<stream_memory> memory_;
    stream_holder* holder_ = nullptr;
    std::array<std::size_t, 2> held_{};
    bool waits_ = false;
};

struct stream_memory_limits {
    std::size_t receive_bytes = 0;  ///< of all sessions together
    std::size_t send_bytes = 0;
    duration patience{};
};

/// The memory that the streams of all sessions of a node hold, and what is done when it runs out. No session holds more
/// than an eighth of it. While three quarters are used, a look every second breaks off the streams that hold memory and
/// on which nothing has moved for `patience`, in the sessions that hold at least as much as the average: so a reader
/// that has gone to sleep, or a peer that grants no window, holds others up for about that long. In a session of whose
/// share so much is used it does so, too.
class stream_memory final : private alarm {
public:
    static constexpr std::size_t shares = 8;
    static constexpr duration pause = std::chrono::seconds(1);

    stream_memory(std::shared_ptr<time_source> time, const stream_memory_limits& limits);
    ~stream_memory() override;

    [[nodiscard]] std::size_t used(stream_side_of side) const noexcept { return used_[static_cast<std::size_t>(side)]; }
    [[nodiscard]] std::size_t most(stream_side_of side) const noexcept { return most_[static_cast<std::size_t>(side)]; }
    [[nodiscard]] std::size_t share(stream_side_of side) const noexcept { return most(side) / shares; }
    [[nodiscard]] duration patience() const noexcept { return patience_; }
    [[nodiscard]] time_source& time() const noexcept { return *time_; }

private:
    friend class stream_account;

    void fire() noexcept override;
    void look_soon() noexcept;
    /// True when there is too little left.
    bool look_for_stale(stream_side_of side);

    std::shared_ptr<time_source> time_;
    std::array<std::size_t, 2> most_;
    std::array<std::size_t, 2> used_{};
    duration patience_;
    std::set<stream_account*> accounts_;
    bool anybody_waits_ = false;
};

}  // namespace mydht::detail
