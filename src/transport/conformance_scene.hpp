#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <mydht/runtime/task_group.hpp>
#include <mydht/transport/conformance.hpp>

namespace mydht::detail {

struct connection_ends {
    any_connection dialed;
    any_connection accepted;
};

/// What one check works with. All its coroutines share it, so that none of them can outlive what it uses, whatever the
/// transport under test does.
class scene {
public:
    explicit scene(conformance_subject subject_);

    conformance_subject subject;
    any_listener listener;
    any_connection dialed;
    any_connection accepted;
    std::deque<connection_ends> more;  ///< connections beside the first
    bytes data;                        ///< what operations in the background read or write

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

using scene_ptr = std::shared_ptr<scene>;

/// Listens at a fresh address; what fails is a finding.
[[nodiscard]] task<bool> open_listener(scene_ptr s);

/// Listens if need be, and makes `dialed` and `accepted` the two ends of one connection.
[[nodiscard]] task<bool> open_connection(scene_ptr s);

/// Both ends of one more connection to the open listener; empty after a failure.
[[nodiscard]] task<connection_ends> connect_once(scene_ptr s);

/// Lets everything that is ready run, a few times over, so that an operation started before is under way.
[[nodiscard]] task<> let_others_run();

/// Byte `index` of the pattern numbered `tag`.
[[nodiscard]] std::uint8_t pattern(std::size_t index, std::uint8_t tag) noexcept;

/// Writes or reads `size` bytes of a pattern in slices of odd lengths. Reading notes the first wrong byte.
[[nodiscard]] task<> write_pattern(scene_ptr s, any_connection& to, std::size_t size, std::uint8_t tag);
[[nodiscard]] task<> read_pattern(scene_ptr s, any_connection& from, std::size_t size, std::uint8_t tag);

/// Reads until the end of the stream and notes anything but `size` bytes and an end in order.
[[nodiscard]] task<> expect_end(scene_ptr s, any_connection& from, std::size_t size, std::string what);

/// An operation's outcome, kept where the check can look at it later.
template <typename T>
struct outcome {
    bool done = false;
    result<T> value = failure(errc::cancelled);
};

template <typename T>
using outcome_ptr = std::shared_ptr<outcome<T>>;

template <typename T>
task<> keep_outcome([[maybe_unused]] scene_ptr owner, outcome_ptr<T> into, task<result<T>> work) {
    into->value = co_await std::move(work);
    into->done = true;
}

/// Starts an operation in the scene's group. What it refers to must be a part of the scene.
template <typename T>
[[nodiscard]] outcome_ptr<T> start(const scene_ptr& s, task<result<T>> work) {
    auto kept = std::make_shared<outcome<T>>();
    s->group().spawn("operation", keep_outcome(s, kept, std::move(work)));
    return kept;
}

}  // namespace mydht::detail
