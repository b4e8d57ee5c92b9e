#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <mydht/transport/transport.hpp>

namespace mydht::test {

/// Asked before every operation of a wrapped transport; what fails here fails there.
using before_operation = std::function<task<result<void>>(std::string_view operation, address where)>;

class wrapped_connection {
public:
    wrapped_connection(any_connection inner, std::shared_ptr<before_operation> before, std::optional<address> seen = {})
        : inner_(std::make_shared<any_connection>(std::move(inner))), before_(std::move(before)), seen_(seen) {}

    task<result<std::size_t>> read_some(bytes_span into) { return read(inner_, before_, into); }
    task<result<void>> write(bytes_view data) { return write(inner_, before_, data); }
    task<result<void>> shutdown_write() { return inner_->shutdown_write(); }
    void close() { inner_->close(); }
    [[nodiscard]] address local() const { return inner_->local(); }
    [[nodiscard]] address remote() const { return seen_ ? *seen_ : inner_->remote(); }

private:
    using shared = std::shared_ptr<any_connection>;
    using hook = std::shared_ptr<before_operation>;

    static task<result<std::size_t>> read(shared inner, hook before, bytes_span into) {
        auto asked = (*before)("read", inner->remote());
        const auto may = co_await std::move(asked);
        if (!may) co_return failure(may.error());
        co_return co_await inner->read_some(into);
    }
    static task<result<void>> write(shared inner, hook before, bytes_view data) {
        auto asked = (*before)("write", inner->remote());
        const auto may = co_await std::move(asked);
        if (!may) co_return failure(may.error());
        co_return co_await inner->write(data);
    }

    shared inner_;
    hook before_;
    std::optional<address> seen_;
};

class wrapped_listener {
public:
    wrapped_listener(any_listener inner, std::shared_ptr<before_operation> before, std::optional<address> seen)
        : inner_(std::make_shared<any_listener>(std::move(inner))), before_(std::move(before)), seen_(seen) {}

    task<result<any_connection>> accept() { return accept(inner_, before_, seen_); }
    void close() { inner_->close(); }
    [[nodiscard]] address local() const { return inner_->local(); }

private:
    static task<result<any_connection>> accept(std::shared_ptr<any_listener> inner,
                                               std::shared_ptr<before_operation> before, std::optional<address> seen) {
        auto got = co_await inner->accept();
        if (!got) co_return failure(got.error());
        auto asked = (*before)("accept", inner->local());
        const auto may = co_await std::move(asked);
        if (!may) co_return failure(may.error());
        co_return any_connection(wrapped_connection(std::move(*got), before, seen));
    }

    std::shared_ptr<any_listener> inner_;
    std::shared_ptr<before_operation> before_;
    std::optional<address> seen_;
};

/// A transport whose operations a test may delay or fail. With `seen`, all who connect seem to come from there.
class wrapped_transport {
public:
    wrapped_transport(any_transport inner, before_operation before, std::optional<address> seen = {})
        : inner_(std::move(inner)), before_(std::make_shared<before_operation>(std::move(before))), seen_(seen) {}

    [[nodiscard]] address_kind kind() const { return inner_.kind(); }
    task<result<any_listener>> listen(address at) { return listen(inner_, before_, seen_, at); }
    task<result<any_connection>> connect(address to) { return connect(inner_, before_, to); }

private:
    static task<result<any_listener>> listen(any_transport inner, std::shared_ptr<before_operation> before,
                                             std::optional<address> seen, address at) {
        auto asked = (*before)("listen", at);
        const auto may = co_await std::move(asked);
        if (!may) co_return failure(may.error());
        auto got = co_await inner.listen(at);
        if (!got) co_return failure(got.error());
        co_return any_listener(wrapped_listener(std::move(*got), before, seen));
    }
    static task<result<any_connection>> connect(any_transport inner, std::shared_ptr<before_operation> before,
                                                address to) {
        auto asked = (*before)("connect", to);
        const auto may = co_await std::move(asked);
        if (!may) co_return failure(may.error());
        auto got = co_await inner.connect(to);
        if (!got) co_return failure(got.error());
        co_return any_connection(wrapped_connection(std::move(*got), before));
    }

    any_transport inner_;
    std::shared_ptr<before_operation> before_;
    std::optional<address> seen_;
};

}  // namespace mydht::test
