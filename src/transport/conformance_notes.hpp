#pragma once

#include <memory>
#include <string>
#include <vector>

#include <mydht/core/errc.hpp>
#include <mydht/core/result.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/runtime/task_group.hpp>

namespace mydht::detail {

/// What a check has found wrong, and the operations that it runs in the background.
class conformance_notes {
public:
    explicit conformance_notes(const environment& env);

    void expect(bool holds, std::string what);

    /// Notes a finding unless `outcome` failed with exactly `code`.
    template <typename T>
    void expect_error(const result<T>& outcome, errc code, const std::string& what) {
        if (outcome) {
            findings_->push_back(what + ": succeeded, expected \"" + make_error_code(code).message() + '"');
        } else if (outcome.error() != make_error_code(code)) {
            findings_->push_back(what + ": \"" + outcome.error().message() + "\", expected \"" +
                                 make_error_code(code).message() + '"');
        }
    }

    template <typename T>
    bool expect_success(const result<T>& outcome, const std::string& what) {
        if (!outcome) findings_->push_back(what + ": " + outcome.error().message());
        return outcome.has_value();
    }

    [[nodiscard]] const std::vector<std::string>& findings() const noexcept { return *findings_; }
    [[nodiscard]] task_group& group() noexcept { return group_; }

private:
    // The group's error handler may be told of something after the scene is gone.
    std::shared_ptr<std::vector<std::string>> findings_ = std::make_shared<std::vector<std::string>>();
    task_group group_;
};

/// Lets everything that is ready run, a few times over, so that an operation started before is under way.
[[nodiscard]] task<> let_others_run();

/// An operation's outcome, kept where the check can look at it later.
template <typename T>
struct outcome {
    bool done = false;
    result<T> value = failure(errc::cancelled);
};

template <typename T>
using outcome_ptr = std::shared_ptr<outcome<T>>;

template <typename T>
task<> keep_outcome([[maybe_unused]] std::shared_ptr<conformance_notes> owner, outcome_ptr<T> into,
                    task<result<T>> work) {
    into->value = co_await std::move(work);
    into->done = true;
}

/// Starts an operation in the background. What it refers to must be a part of what `s` points to.
template <typename T>
[[nodiscard]] outcome_ptr<T> start(std::shared_ptr<conformance_notes> s, task<result<T>> work) {
    auto kept = std::make_shared<outcome<T>>();
    auto& group = s->group();
    group.spawn("operation", keep_outcome(std::move(s), kept, std::move(work)));
    return kept;
}

}  // namespace mydht::detail
