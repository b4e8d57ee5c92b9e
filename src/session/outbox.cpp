#include "session/outbox.hpp"

#include <algorithm>

#include <mydht/wire/record.hpp>

namespace mydht::detail {

namespace {

/// Memory beyond this is given back as soon as it is empty, and not only when the session rests.
constexpr std::size_t kept_bytes = 16 * 1024;

void drop(bytes& buffer) noexcept {
    if (buffer.capacity() > kept_bytes) {
        bytes().swap(buffer);
    } else {
        buffer.clear();
    }
}

}  // namespace

result<bytes_view> outbox::take(record_layer& layer) {
    const auto rest = bytes_view(frames_).subspan(taken_);
    const auto batch = rest.first(std::min(rest.size(), wire::record_plaintext_max));
    if (auto done = layer.seal(batch, sealed_); !done) return failure(done.error());
    taken_ += batch.size();
    if (taken_ == frames_.size()) {
        drop(frames_);
        taken_ = 0;
    }
    return bytes_view(sealed_);
}

void outbox::sent() noexcept { drop(sealed_); }

void outbox::release() noexcept {
    if (frames_.empty()) bytes().swap(frames_);
    if (sealed_.empty()) bytes().swap(sealed_);
}

}  // namespace mydht::detail
