#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include <mydht/core/result.hpp>
#include <mydht/runtime/task.hpp>
#include <mydht/runtime/wait_queue.hpp>
#include <mydht/session/session.hpp>
#include <mydht/wire/stream_limits.hpp>

#include "session/stream_memory.hpp"
#include "session/stream_receiving.hpp"
#include "session/stream_sending.hpp"

namespace mydht::detail {

class stream_set;
struct packet_piece;

/// What the streams of one session share with their handles, which may outlive the session.
struct stream_home {
    executor exec;
    peer_info peer;
    std::shared_ptr<stream_account> account;
};

/// One application stream: its two directions, and who waits for them. Belongs to a stream_set until both directions
/// have ended, and to its handles. Everything on the session's executor.
class stream_state final : public std::enable_shared_from_this<stream_state> {
public:
    /// What a stream of the peer counts by itself, with the service that it asks for.
    static constexpr std::size_t bytes_each = 1024;

    /// Made by stream_set.
    stream_state(stream_set& set, std::uint32_t channel, std::string service, bool incoming);
    stream_state(const stream_state&) = delete;
    stream_state& operator=(const stream_state&) = delete;
    ~stream_state();

    // The operations of mydht::stream. Coroutines that take the state along, since handles may go meanwhile.
    static task<result<std::size_t>> read_some(std::shared_ptr<stream_state> self, bytes_span into);
    static task<result<void>> read(std::shared_ptr<stream_state> self, bytes_span into);
    static task<result<void>> write(std::shared_ptr<stream_state> self, bytes_view data);
    /// Takes what fits, at least one byte, of the first of these that have any.
    static task<result<std::size_t>> write_some(std::shared_ptr<stream_state> self, std::span<const bytes_view> data);
    static task<result<void>> finish(std::shared_ptr<stream_state> self);
    static task<result<void>> flushed(std::shared_ptr<stream_state> self);
    static task<result<void>> accepted(std::shared_ptr<stream_state> self);

    // The same without waiting.
    /// How many bytes were read: none when there are none yet. Errors: those of read_some.
    [[nodiscard]] result<std::size_t> read_ready(bytes_span into);
    /// How much was taken: none when there is no room. Errors: those of write.
    [[nodiscard]] result<std::size_t> write_ready(bytes_view data);
    result<void> finish_now();
    /// Breaks the stream off, if it is not over.
    void reset(std::uint32_t code);
    /// Ends this side in order as far as it can: what was written still travels, nothing more is read.
    void leave();
    /// The last handle has gone.
    void abandon();
    /// Somebody serves it; the opener is told.
    void accept();

    [[nodiscard]] std::uint32_t channel() const noexcept { return channel_; }
    [[nodiscard]] const std::string& service() const noexcept { return service_; }
    [[nodiscard]] bool incoming() const noexcept { return incoming_; }
    [[nodiscard]] const std::shared_ptr<const stream_home>& home() const noexcept { return home_; }
    /// The code of the reset that ended it, of whichever side.
    [[nodiscard]] std::optional<std::uint32_t> reset_code() const noexcept { return code_; }
    /// Why no more goes through it; none while it lives or when both directions ended in order.
    [[nodiscard]] std::error_code broken() const noexcept { return broken_; }
    [[nodiscard]] std::size_t memory() const noexcept;

private:
    friend class stream_set;

    /// How far one direction had come when memory was last short.
    struct last_look {
        std::uint64_t progress = 0;
        steady_time since = steady_time::max();
    };
    enum class reset_phase : std::uint8_t { none, due, said, acknowledged };

    // For stream_set.
    void data_came();
    void end_came();
    /// `complete`: the other side had said its end before, and all up to it has come.
    void reset_came(std::uint32_t code, bool complete);
    void window_came(std::uint64_t limit);
    /// Its session is gone.
    void detach(std::error_code why);
    void acknowledged(const packet_piece& piece);
    void lost(const packet_piece& piece);
    [[nodiscard]] bool has_control() const noexcept;
    [[nodiscard]] bool has_data() const noexcept;
    /// Nothing is left to say or hear.
    [[nodiscard]] bool over() const noexcept;

    void break_off(std::error_code why);
    void say_reset(std::uint32_t code);
    void drop_received();
    void give_up_reading();
    void linger();
    void wake_all();
    void count_memory() noexcept;
    /// Holds memory, and nothing has moved for so long.
    [[nodiscard]] bool stale(stream_side_of side, steady_time now, duration patience) noexcept;
    [[nodiscard]] bool opened() const noexcept { return !service_.empty(); }

    stream_set* set_;  // none once it has gone or this one has left it
    std::shared_ptr<const stream_home> home_;
    std::string service_;
    std::uint32_t channel_;
    bool incoming_;

    stream_sending sending_;
    stream_receiving receiving_;
    wait_queue readers_;
    wait_queue writers_;
    wait_queue flushers_;
    wait_queue openers_;

    std::size_t held_in_ = 0;  // counted in the account
    std::size_t held_out_ = 0;
    last_look looked_in_;
    last_look looked_out_;

    std::error_code broken_;
    std::optional<std::uint32_t> code_;
    std::uint32_t reset_code_ = 0;
    reset_phase reset_ = reset_phase::none;
    bool open_due_ = false;
    bool window_due_ = false;
    bool open_known_ = false;  // the acceptor has the frame that opens it
    bool accepted_ = false;    // the acceptor has said so
    bool left_ = false;        // nobody reads, and nobody writes any more
    bool in_control_ = false;  // waits in the set's queue
    bool in_data_ = false;
    bool held_ = false;     // in the set's list of those that wait for the window
    bool counted_ = false;  // as open in the set
};

}  // namespace mydht::detail
