#include "session/outbox.hpp"

#include <algorithm>

namespace mydht::detail {

namespace {

/// Memory beyond this is given back as soon as it is empty, and not only when the session rests.
constexpr std::size_t kept_bytes = 72 * 1024;

void drop(bytes& buffer) noexcept {
    if (buffer.capacity() > kept_bytes) {
        bytes().swap(buffer);
    } else {
        buffer.clear();
    }
}

}  // namespace

void outbox::mark_own(std::size_t size) {
    own_.push_back({begun_at_ + frames_.size(), size});
    own_waiting_ += size;
}

std::size_t outbox::answers_waiting() const noexcept {
    // A frame of ours counts until its last byte is written, also when its first bytes are gone.
    return waiting() - std::min(waiting(), own_waiting_);
}

result<bytes_view> outbox::take(record_layer& layer) {
    const auto rest = bytes_view(frames_).subspan(taken_);
    const auto batch = rest.first(std::min(rest.size(), batch_bytes_max));
    for (auto left = batch; !left.empty();) {
        const auto record = left.first(std::min(left.size(), record_bytes));
        if (auto done = layer.seal(record, sealed_); !done) return failure(done.error());
        left = left.subspan(record.size());
    }
    taken_ += batch.size();
    if (taken_ == frames_.size()) {
        drop(frames_);
        begun_at_ += taken_;
        taken_ = 0;
    } else if (taken_ >= frames_.size() / 2) {
        // A peer that takes its answers as slowly as it asks for more would never see it empty.
        frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(taken_));
        begun_at_ += taken_;
        taken_ = 0;
    }
    return bytes_view(sealed_);
}

void outbox::sent() noexcept {
    drop(sealed_);
    const auto gone = begun_at_ + taken_;
    const auto rest = std::ranges::find_if(own_, [gone](const mark& m) { return m.end > gone; });
    for (auto it = own_.begin(); it != rest; ++it) own_waiting_ -= it->size;
    own_.erase(own_.begin(), rest);
}

void outbox::release() noexcept {
    if (frames_.empty()) bytes().swap(frames_);
    if (sealed_.empty()) bytes().swap(sealed_);
    if (own_.empty()) std::vector<mark>().swap(own_);
}

}  // namespace mydht::detail
