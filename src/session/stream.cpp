#include <mydht/session/stream.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

#include <asio/dispatch.hpp>

#include <mydht/runtime/run_on.hpp>

#include "session/stream_grip.hpp"

namespace mydht {

namespace {

template <typename T>
task<result<T>> closed() {
    co_return failure(errc::closed);
}

}  // namespace

detail::stream_grip::~stream_grip() {
    const auto on = exec();
    asio::dispatch(on, [state = std::move(state_)] { state->abandon(); });
}

const detail::stream_grip& detail::grip_of(const stream& of) noexcept {
    assert(of.grip_);
    return *of.grip_;
}

stream::stream(std::shared_ptr<detail::stream_state> state)
    : grip_(std::make_shared<detail::stream_grip>(std::move(state))) {}

using detail::stream_state;

task<result<std::size_t>> stream::read_some(bytes_span into) {
    if (!grip_) return closed<std::size_t>();
    return run_on(grip_->exec(), stream_state::read_some(grip_->state(), into));
}

task<result<void>> stream::read(bytes_span into) {
    if (!grip_) return closed<void>();
    return run_on(grip_->exec(), stream_state::read(grip_->state(), into));
}

task<result<void>> stream::write(bytes_view data) {
    if (!grip_) return closed<void>();
    return run_on(grip_->exec(), stream_state::write(grip_->state(), data));
}

task<result<void>> stream::finish() {
    if (!grip_) return closed<void>();
    return run_on(grip_->exec(), stream_state::finish(grip_->state()));
}

task<result<void>> stream::flushed() {
    if (!grip_) return closed<void>();
    return run_on(grip_->exec(), stream_state::flushed(grip_->state()));
}

task<result<void>> stream::accepted() {
    if (!grip_) return closed<void>();
    return run_on(grip_->exec(), stream_state::accepted(grip_->state()));
}

void stream::reset(std::uint32_t code) {
    if (grip_) asio::dispatch(grip_->exec(), [state = grip_->state(), code] { state->reset(code); });
}

void stream::close() {
    if (grip_) asio::dispatch(grip_->exec(), [state = grip_->state()] { state->leave(); });
}

std::optional<std::uint32_t> stream::reset_code() const noexcept {
    return grip_ ? grip_->state()->reset_code() : std::nullopt;
}

const peer_info& stream::peer() const noexcept {
    assert(grip_);
    return grip_->state()->home()->peer;
}

const std::string& stream::service() const noexcept {
    assert(grip_);
    return grip_->state()->service();
}

const executor& stream::get_executor() const noexcept {
    assert(grip_);
    return grip_->exec();
}

}  // namespace mydht
