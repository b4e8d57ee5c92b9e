#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>
#include <mydht/wire/frame.hpp>
#include <mydht/wire/stream_limits.hpp>

#include "session/record_layer.hpp"

namespace mydht::detail {

/// What waits to be written on one session: frames as they were said, of which the writer takes and seals a batch at a
/// time. No I/O:
///
///     append frames to frames(), at any time;
///     while (!box.empty()) { write(box.take(layer)); box.sent(); }
class outbox {
public:
    /// Of the plaintext of a record: a full frame of a stream. The other side opens it while the next one is sealed.
    static constexpr std::size_t record_bytes = wire::frame_header_bytes + wire::stream_frame_bytes;
    /// Of a batch, before it is sealed.
    static constexpr std::size_t batch_bytes_max = 4 * record_bytes;

    /// `first`: bytes that go out as they are, before all frames.
    explicit outbox(bytes first = {}) : sealed_(std::move(first)) {}

    [[nodiscard]] bytes& frames() noexcept { return frames_; }
    /// The last `size` bytes of frames() are a request or a notice of this side; all others answer the peer.
    void mark_own(std::size_t size);

    /// Bytes that wait or are being written.
    [[nodiscard]] std::size_t waiting() const noexcept { return frames_.size() - taken_ + sealed_.size(); }
    /// The part of it that the peer has asked for.
    [[nodiscard]] std::size_t answers_waiting() const noexcept;
    [[nodiscard]] bool empty() const noexcept { return waiting() == 0; }

    /// The next batch, sealed; at most batch_bytes_max in some records, so that progress can be seen. Valid until
    /// sent(). Errors: errc::nonce_exhausted.
    [[nodiscard]] result<bytes_view> take(record_layer& layer);
    void sent() noexcept;

    /// Gives the memory of what is empty back.
    void release() noexcept;
    [[nodiscard]] std::size_t memory() const noexcept {
        return frames_.capacity() + sealed_.capacity() + own_.capacity() * sizeof(mark);
    }

private:
    /// A frame of this side, by its place in all that was ever said.
    struct mark {
        std::uint64_t end = 0;
        std::size_t size = 0;
    };

    bytes frames_;
    std::uint64_t begun_at_ = 0;  // the place of the first byte of frames_
    std::size_t taken_ = 0;       // bytes at the front of frames_ that were sealed
    bytes sealed_;
    std::vector<mark> own_;
    std::size_t own_waiting_ = 0;
};

}  // namespace mydht::detail
