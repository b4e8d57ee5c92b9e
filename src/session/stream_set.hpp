#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>
#include <mydht/wire/frame.hpp>
#include <mydht/wire/stream_limits.hpp>

#include "session/packet_piece.hpp"
#include "session/stream_state.hpp"

namespace mydht::detail {

/// What a session counts of its streams.
enum class stream_event : std::uint8_t {
    frame_refused,   ///< no room for what is in it; it comes again
    frame_ignored,   ///< of a stream that is over
    stream_refused,  ///< the peer has too many open, or there was no room for it
    stream_dropped,  ///< broken off because memory was short
};

enum class frame_fate : std::uint8_t {
    taken,
    refused,  ///< only of datagrams: not to be acknowledged, so that it comes again
};

/// What a stream_set needs of the session. None of it may end the set from within the call.
class stream_owner {
public:
    stream_owner() = default;
    stream_owner(const stream_owner&) = delete;
    stream_owner& operator=(const stream_owner&) = delete;

    /// There is something to send.
    virtual void streams_have_output() = 0;
    /// The peer has opened a stream: accept() it, or reset() it.
    virtual void stream_opened(const std::shared_ptr<stream_state>& which) = 0;
    /// The stream was broken off, by either side.
    virtual void stream_broken(stream_state& which) = 0;
    /// No stream is open any more.
    virtual void streams_quiet() = 0;
    virtual void count(stream_event what) noexcept = 0;
    /// Keeps the set.
    [[nodiscard]] virtual std::shared_ptr<void> hold() = 0;

protected:
    ~stream_owner() = default;
};

struct stream_settings {
    std::size_t streams_max = 0;           ///< open ones of each side
    std::size_t stream_window_bytes = 0;   ///< what a window grows to
    std::size_t session_window_bytes = 0;  ///< of all streams together
    std::size_t stream_send_bytes = 0;     ///< taken and not acknowledged
};

/// The streams of one session. No I/O: the carrier gives it the frames that come, takes frames to send, a whole one at
/// a time, and says what became of them. Frames that steer come first, then the streams with data take turns.
class stream_set final : private stream_holder {
public:
    stream_set(stream_owner& owner, std::shared_ptr<const stream_home> home, const stream_settings& settings,
               bool dialler) noexcept;
    stream_set(const stream_set&) = delete;
    stream_set& operator=(const stream_set&) = delete;
    ~stream_set();

    /// A stream of this side. Its first frames say so; data may be written at once. Errors: errc::too_many_streams, and
    /// after fail_all() what that said.
    [[nodiscard]] result<std::shared_ptr<stream_state>> open(std::string service);

    /// A stream frame of the peer. `with_offsets`: from a datagram, where frames come in any order and more than once;
    /// those for which there is no room are refused. On connections nothing comes again, so their streams are broken
    /// off. Errors: errc::protocol_violation.
    [[nodiscard]] result<frame_fate> take(const wire::frame& what, bool with_offsets);

    [[nodiscard]] bool has_output();
    /// Appends the next frame, if there is one that fits into `room` bytes with its header. What it said, to be given
    /// back to acknowledged() or lost().
    [[nodiscard]] std::optional<packet_piece> write_next(bytes& out, std::size_t room, bool with_offsets);
    void acknowledged(const packet_piece& piece);
    void lost(const packet_piece& piece);

    /// The session has ended, or does soon: so do all streams, but what has come can still be read. The peer's frames
    /// are ignored from now on.
    void fail_all(std::error_code why);

    /// No stream is open.
    [[nodiscard]] bool quiet() const noexcept { return open_streams() == 0; }
    [[nodiscard]] std::size_t open_streams() const noexcept { return open_of_peer_ + open_of_own_; }
    [[nodiscard]] std::size_t open_own_streams() const noexcept { return open_of_own_; }
    /// Streams that are known, also those that are over on this side only.
    [[nodiscard]] std::size_t size() const noexcept { return streams_.size(); }
    [[nodiscard]] std::size_t memory() const noexcept;

    [[nodiscard]] const stream_settings& settings() const noexcept { return settings_; }
    [[nodiscard]] const std::shared_ptr<const stream_home>& home() const noexcept { return home_; }

private:
    friend class stream_state;
    using stream_ptr = std::shared_ptr<stream_state>;

    // What a stream reports.
    void schedule(stream_state& which);
    void consumed(std::uint64_t count);
    /// After any change: counts the stream, and lets it go when it is over.
    void look_at(stream_state& which);
    void broke(stream_state& which) { owner_.stream_broken(which); }

    // stream_holder
    void drop_stale(stream_side_of side, steady_time now) override;
    void room_came() override;

    // Frames of the peer.
    [[nodiscard]] result<frame_fate> take_open(const wire::frame& what, bool with_offsets);
    [[nodiscard]] result<frame_fate> take_data(stream_state& which, bytes_view payload, bool with_offsets);
    [[nodiscard]] result<void> take_end(stream_state& which, std::uint64_t total, bool with_offsets);
    [[nodiscard]] result<void> take_reset(stream_state& which, bytes_view payload);
    [[nodiscard]] result<frame_fate> refuse_frame();
    /// There is no room for a further channel of the peer, for now.
    [[nodiscard]] bool channels_full(std::uint32_t channel, bool unopened);
    [[nodiscard]] bool has_room_for(stream_state& which, std::uint64_t offset, std::size_t size);
    /// The channel is not one of those any more that wait for their open frame.
    void forget_unopened(std::uint32_t channel) noexcept { std::erase(unopened_, channel); }
    /// The stream of a frame; none when it is over, and the frame of no use, or with `full` set when there is no room
    /// for it.
    [[nodiscard]] result<stream_ptr> find_for(const wire::frame& what, bool with_offsets, bool& full);
    [[nodiscard]] result<stream_ptr> begin_incoming(std::uint32_t channel, bool with_offsets);
    [[nodiscard]] bool was_skipped(std::uint32_t channel) const;
    void note_channel(std::uint32_t channel);
    /// The next one in order.
    [[nodiscard]] std::uint32_t expected_channel() const noexcept;
    [[nodiscard]] bool is_ours(std::uint32_t channel) const noexcept {
        return wire::opened_by_dialler(channel) == dialler_;
    }
    [[nodiscard]] result<void> received(stream_state& which, result<std::uint64_t> grown);

    // Frames of this side.
    [[nodiscard]] std::optional<packet_piece> write_control(bytes& out, std::size_t room);
    [[nodiscard]] std::optional<packet_piece> write_control_of(stream_state& which, bytes& out, std::size_t room);
    [[nodiscard]] std::optional<packet_piece> write_data_of(stream_state& which, bytes& out, std::size_t room,
                                                            bool with_offsets);
    void drop_idle_turns();
    [[nodiscard]] bool held_back(const stream_state& which) const noexcept;
    [[nodiscard]] bool window_due() const noexcept;
    [[nodiscard]] stream_state* find(std::uint32_t channel) const;

    stream_owner& owner_;
    std::shared_ptr<const stream_home> home_;
    stream_settings settings_;
    bool dialler_;

    std::map<std::uint32_t, stream_ptr> streams_;
    std::uint32_t next_own_;
    std::uint32_t peer_highest_ = 0;  // the highest channel that the peer has named
    /// Channels of the peer below that one that it has not named yet, as ranges from first to last; only in datagrams.
    std::map<std::uint32_t, std::uint32_t> skipped_;
    std::vector<std::uint32_t> unopened_;  // channels of the peer whose open frame has not come; only in datagrams
    std::size_t of_peer_ = 0;              // of the streams, those that the peer opened
    std::size_t open_of_peer_ = 0;
    std::size_t open_of_own_ = 0;

    std::deque<std::uint32_t> control_;  // channels with frames that steer
    std::deque<std::uint32_t> data_;     // channels with data, in turns
    std::vector<std::uint32_t> held_;    // those that wait for the session's window

    std::uint64_t sent_ = 0;
    std::uint64_t sent_max_ = wire::initial_session_window;
    std::uint64_t received_ = 0;
    std::uint64_t consumed_ = 0;
    std::uint64_t received_max_ = wire::initial_session_window;
    std::uint64_t window_ = wire::initial_session_window;
    bool window_lost_ = false;
    std::error_code failed_;  // why there are no streams any more
};

}  // namespace mydht::detail
