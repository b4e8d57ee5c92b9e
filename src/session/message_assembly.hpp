#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <mydht/core/bytes.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>
#include <mydht/wire/message_part.hpp>

namespace mydht::detail {

/// What all sessions together may hold in unfinished messages. Outlives them.
class assembly_budget {
public:
    explicit assembly_budget(std::size_t bytes_max) noexcept : bytes_max_(bytes_max) {}

    /// False, and nothing taken, when it would be too much.
    [[nodiscard]] bool take(std::size_t bytes) noexcept {
        if (bytes > bytes_max_ - used_) return false;
        used_ += bytes;
        return true;
    }
    void give(std::size_t bytes) noexcept { used_ -= bytes; }
    [[nodiscard]] std::size_t used() const noexcept { return used_; }

    /// So many messages were dropped before all of them had come.
    void note_cut_off(std::size_t messages) noexcept { cut_off_ += messages; }
    [[nodiscard]] std::uint64_t cut_off() const noexcept { return cut_off_; }

private:
    std::size_t bytes_max_;
    std::size_t used_ = 0;
    std::uint64_t cut_off_ = 0;
};

struct assembly_limits {
    std::size_t message_bytes = limits::message_bytes;
    /// The sizes of the peer's unfinished messages together, as announced: those that were begun can be completed.
    /// Memory follows what came of them, and is an eighth more.
    std::size_t bytes = 4 * limits::message_bytes;
    /// Unfinished messages. More than the peer sends at a time, since those that it gave up stay for a while.
    std::size_t messages = 16;
    /// A message of which nothing new comes for so long is dropped, ... Longer than a session without an ack lives, so
    /// that a sender that has not given it up finds a way.
    duration silence = std::chrono::seconds(30);
    /// ... and one that is not complete so long after its first part.
    duration whole = std::chrono::minutes(5);
};

enum class part_fate : std::uint8_t {
    kept,
    repeated,  ///< nothing new in it
    refused,   ///< no room for it now; if it comes again there may be
    complete,  ///< the last one of its message
};

struct part_taken {
    part_fate what = part_fate::kept;
    bytes message;  ///< once it is complete
};

/// The large messages that one peer is sending: puts the parts together, in whatever order and however often they come.
/// Memory follows the bytes that came, in blocks, never the size that was announced. When all sessions together are
/// short of it, messages may come to a halt; then they are dropped after a while, and their requests time out. No I/O:
///
///     auto got = assembly.take(payload of a message_part frame, now);
///     if (!got) ...the peer broke the rules: close...
///     if (got->what == part_fate::refused) ...do not acknowledge the packet...
///     if (got->what == part_fate::complete) ...got->message...
///     assembly.next_expiry() is reached:  assembly.expire(now);
class message_assembly {
public:
    explicit message_assembly(assembly_budget& budget, const assembly_limits& limits = {}) noexcept
        : budget_(&budget), limits_(limits) {}
    message_assembly(const message_assembly&) = delete;
    message_assembly& operator=(const message_assembly&) = delete;
    ~message_assembly();

    /// Errors, all of them the peer's doing: those of decode_part, errc::too_large for a message over the limit,
    /// errc::protocol_violation for a size or bytes other than before.
    [[nodiscard]] result<part_taken> take(bytes_view payload, steady_time now);

    /// When the next message is dropped if nothing more of it comes.
    [[nodiscard]] std::optional<steady_time> next_expiry() const noexcept;
    /// Drops what has waited too long. What still comes of it counts as repeated.
    void expire(steady_time now) noexcept;

    /// Gives the memory back if nothing is unfinished.
    void release() noexcept;
    /// Bytes taken from the budget.
    [[nodiscard]] std::size_t memory() const noexcept { return memory_; }

private:
    static constexpr std::size_t block_bytes = 2048;
    struct block {
        std::array<std::uint64_t, block_bytes / 64> came{};  // a bit a byte
        std::array<std::uint8_t, block_bytes> data;
    };
    struct incoming {
        std::uint32_t number = 0;
        std::uint32_t size = 0;
        std::uint32_t came = 0;  // bytes
        steady_time first_at{};
        steady_time last_at{};
        std::size_t memory = 0;
        std::vector<std::unique_ptr<block>> blocks;  // up to the last one that something came of
    };
    using messages = std::vector<incoming>;

    void note_number(std::uint32_t number) noexcept;
    [[nodiscard]] bool is_done(std::uint32_t number) const noexcept;
    void mark_done(std::uint32_t number) noexcept;
    [[nodiscard]] messages::iterator find(std::uint32_t number) noexcept;
    [[nodiscard]] bool reserve(incoming& message, const wire::message_part& part);
    [[nodiscard]] static result<void> store(incoming& message, const wire::message_part& part);
    [[nodiscard]] bytes finish(messages::iterator message);
    void drop(messages::iterator message) noexcept;
    void give_up(messages::iterator message) noexcept;
    [[nodiscard]] steady_time expiry(const incoming& message) const noexcept;

    assembly_budget* budget_;
    assembly_limits limits_;
    std::size_t memory_ = 0;
    std::size_t announced_ = 0;
    std::uint32_t newest_ = 0;  // number that came
    std::uint64_t done_ = 0;    // bit n: the message newest_ - n is complete or dropped
    messages messages_;
};

}  // namespace mydht::detail
