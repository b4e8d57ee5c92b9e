#pragma once

#include <cstddef>
#include <utility>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>

#include "session/record_layer.hpp"

namespace mydht::detail {

/// What waits to be written on one session: frames as they were said, of which the writer takes and seals a batch at a time.
/// No I/O:
///
///     append frames to frames(), at any time;
///     while (!box.empty()) { write(box.take(layer)); box.sent(); }
class outbox {
public:
    /// `first`: bytes that go out as they are, before all frames.
    explicit outbox(bytes first = {}) : sealed_(std::move(first)) {}

    [[nodiscard]] bytes& frames() noexcept { return frames_; }

    /// Bytes that wait or are being written.
    [[nodiscard]] std::size_t waiting() const noexcept { return frames_.size() - taken_ + sealed_.size(); }
    [[nodiscard]] bool empty() const noexcept { return waiting() == 0; }

    /// The next batch, sealed; at most about one full record, so that progress can be seen. Valid until sent().
    /// Errors: errc::nonce_exhausted.
    [[nodiscard]] result<bytes_view> take(record_layer& layer);
    void sent() noexcept;

    /// Gives the memory of what is empty back.
    void release() noexcept;
    [[nodiscard]] std::size_t memory() const noexcept { return frames_.capacity() + sealed_.capacity(); }

private:
    bytes frames_;
    std::size_t taken_ = 0;  // bytes at the front of frames_ that were sealed
    bytes sealed_;
};

}  // namespace mydht::detail
