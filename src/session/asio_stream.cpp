#include <mydht/session/asio_stream.hpp>

#include <cstdint>
#include <span>

#include <asio/error.hpp>

#include "session/stream_grip.hpp"

namespace mydht::detail {

namespace {

bytes_span span_of(const asio::mutable_buffer& one) { return {static_cast<std::uint8_t*>(one.data()), one.size()}; }

bytes_view view_of(const asio::const_buffer& one) { return {static_cast<const std::uint8_t*>(one.data()), one.size()}; }

/// What algorithms of Asio's look for.
std::error_code in_words_of_asio(std::error_code failed) {
    return failed == errc::end_of_stream ? std::error_code(asio::error::eof) : failed;
}

/// One operation while it runs.
struct running_operation {
    explicit running_operation(stream_waiter_ptr waiter_) : waiter(std::move(waiter_)) {}

    void complete(const std::exception_ptr& thrown) {
        // Nothing but its cancellation is thrown in a stream's operations.
        const auto failed = thrown    ? std::error_code(asio::error::operation_aborted)
                            : outcome ? std::error_code()
                                      : in_words_of_asio(outcome.error());
        waiter.release()->complete(failed, !thrown && outcome ? *outcome : 0);
    }

    stream_waiter_ptr waiter;
    std::array<bytes_view, some_buffers<asio::const_buffer>::count_max> views;
    result<std::size_t> outcome = failure(errc::closed);
};
using operation_ptr = std::shared_ptr<running_operation>;

task<> read_into(operation_ptr op, std::shared_ptr<stream_state> from, bytes_span into) {
    op->outcome = co_await stream_state::read_some(std::move(from), into);
}

task<> write_from(operation_ptr op, std::shared_ptr<stream_state> to, std::size_t count) {
    const std::span<const bytes_view> data(op->views.data(), count);
    op->outcome = co_await stream_state::write_some(std::move(to), data);
}

std::shared_ptr<errand> prepare(const stream_grip& on, const operation_ptr& op, task<> work) {
    return make_errand(on.exec(), std::move(work), [op](const std::exception_ptr& thrown) { op->complete(thrown); });
}

}  // namespace

std::shared_ptr<errand> make_read(const stream& from, const some_buffers<asio::mutable_buffer>& into,
                                  stream_waiter_ptr waiter) {
    const auto op = std::make_shared<running_operation>(std::move(waiter));
    const auto& grip = grip_of(from);
    auto work = read_into(op, grip.state(), into.count > 0 ? span_of(into.all[0]) : bytes_span());
    return prepare(grip, op, std::move(work));
}

std::shared_ptr<errand> make_write(const stream& to, const some_buffers<asio::const_buffer>& data,
                                   stream_waiter_ptr waiter) {
    const auto op = std::make_shared<running_operation>(std::move(waiter));
    for (std::size_t i = 0; i < data.count; ++i) op->views[i] = view_of(data.all[i]);
    const auto& grip = grip_of(to);
    auto work = write_from(op, grip.state(), data.count);
    return prepare(grip, op, std::move(work));
}

}  // namespace mydht::detail
