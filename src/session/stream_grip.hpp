#pragma once

#include <memory>

#include "session/stream_state.hpp"

namespace mydht::detail {

/// What the handles of one stream share, as opposed to its operations: when it goes, nobody can use the stream any
/// more.
class stream_grip {
public:
    explicit stream_grip(std::shared_ptr<stream_state> state) : state_(std::move(state)) {}
    stream_grip(const stream_grip&) = delete;
    stream_grip& operator=(const stream_grip&) = delete;
    ~stream_grip();

    [[nodiscard]] const std::shared_ptr<stream_state>& state() const noexcept { return state_; }
    [[nodiscard]] const executor& exec() const noexcept { return state_->home()->exec; }

private:
    std::shared_ptr<stream_state> state_;
};

}  // namespace mydht::detail
