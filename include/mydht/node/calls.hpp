#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>
#include <mydht/query/forwarder.hpp>
#include <mydht/runtime/task.hpp>
#include <mydht/session/stream.hpp>

/// Requests and responses over streams, as byte strings; mydht/node/capnp_service.hpp makes them messages of an
/// application's own schema. Each call has a stream of its own: the streams keep calls apart, hold each other up as
/// little as streams do, and a call that is given up is a stream that is reset. docs/wire-format.md, "Calls".
namespace mydht {

/// What a side takes of the other one.
struct call_limits {
    /// A request or a response.
    std::size_t message_bytes = 1024 * 1024;
    /// From the opening of its stream until a request has come whole; the same for the response until it was taken. The
    /// handler has its own time in between, and an attachment comes as the handler reads it. Who is later is broken
    /// off.
    std::chrono::milliseconds message_time{20'000};
    /// Calls of one peer that one service answers at a time; a further one is refused with errc::too_many_streams.
    std::size_t calls_per_peer = 64;
    /// What may come with a request; more is refused.
    std::uint64_t attachment_bytes = std::uint64_t{64} * 1024 * 1024;
};

/// Bytes that go with a request. Their number is told first, and they leave only when the peer's handler begins to read
/// them.
struct attachment {
    attachment() {}
    attachment(std::uint64_t size_, std::function<task<result<std::size_t>>(bytes_span)> read_some_)
        : size(size_), read_some(std::move(read_some_)) {}

    std::uint64_t size = 0;
    /// Fills a part of the memory and gives the count, at least 1; called on the node's executor until all is read. An
    /// error breaks the call off with it.
    std::function<task<result<std::size_t>>(bytes_span)> read_some;
};

/// How a call is made. Built by chained setters, like the options of queries.
class call_options {
public:
    call_options() {}

    /// Give up after this long, opening the stream and sending the attachment included.
    call_options& timeout(std::chrono::milliseconds limit) {
        timeout_ = limit;
        return *this;
    }
    call_options& limits(const call_limits& what) {
        limits_ = what;
        return *this;
    }
    call_options& attach(attachment what) {
        attached_ = std::move(what);
        return *this;
    }

    [[nodiscard]] std::chrono::milliseconds timeout() const noexcept { return timeout_; }
    [[nodiscard]] const call_limits& limits() const noexcept { return limits_; }
    [[nodiscard]] std::optional<attachment>& attached() noexcept { return attached_; }

private:
    std::chrono::milliseconds timeout_{10'000};
    call_limits limits_;
    std::optional<attachment> attached_;
};

/// A call that a peer makes, or a request that travelled. Lives as long as its handler runs, which alone uses it.
class incoming_call {
public:
    incoming_call(stream over, bytes request, std::uint64_t attached)
        : stream_(std::move(over)), request_(std::move(request)), left_(attached) {}
    explicit incoming_call(service_question what)
        : request_(std::move(what.body)), travelled_(true), collector_(what.collector) {}

    /// It came through other peers, see node::request: who asks is not known, and nobody has let him in.
    [[nodiscard]] bool travelled() const noexcept { return travelled_; }
    /// Of one that travelled: who signed where the reply is to be brought, which is the asker or a peer on the way.
    [[nodiscard]] const std::optional<public_key>& collector() const noexcept { return collector_; }
    /// Who calls, proven by the session. Of a request that travelled nobody: all zero, and not proven.
    [[nodiscard]] const peer_info& from() const noexcept;
    /// Aligned to 8 bytes.
    [[nodiscard]] bytes_view request() const noexcept { return request_; }

    /// Bytes of the attachment that were not read yet.
    [[nodiscard]] std::uint64_t attachment_left() const noexcept { return left_; }
    /// The next bytes of the attachment, like stream::read_some; the first read asks the peer for it. Errors:
    /// errc::end_of_stream behind its last byte, errc::truncated when the peer sends less than it said, and those of
    /// streams.
    [[nodiscard]] task<result<std::size_t>> read_attachment(bytes_span into);
    /// Ends the call: its caller gets errc::attachment_refused. A handler that neither reads nor refuses just answers.
    void refuse_attachment();

private:
    stream stream_;
    bytes request_;
    std::uint64_t left_ = 0;
    bool asked_for_ = false;
    bool travelled_ = false;
    std::optional<public_key> collector_;
};

/// Answers a call. An error, like an exception, is errc::peer_error to the caller, but application_error() reaches it
/// as it is. Cancelled when the caller gives up.
using call_handler = std::function<task<result<bytes>>(incoming_call& call)>;

namespace detail {
struct call_desk;
}

/// A service that answers calls, for node::serve(). Copies share its limits.
class call_service {
public:
    call_service(call_handler handler, call_limits limits);

    /// What serves the streams of calls.
    operator service_handler() const;  // NOLINT(google-explicit-constructor)
    /// Answers a request that travelled. Errors: errc::too_large over call_limits::message_bytes, and the handler's.
    [[nodiscard]] task<result<bytes>> answer(service_question what) const;

private:
    std::shared_ptr<detail::call_desk> desk_;
};

/// How a service is served.
class serve_options {
public:
    serve_options() {}

    /// Requests that travel (node::request) reach it, too. They come from anybody, whoever is let in over sessions.
    serve_options& forwarded(bool wanted = true) {
        forwarded_ = wanted;
        return *this;
    }
    [[nodiscard]] bool is_forwarded() const noexcept { return forwarded_; }

private:
    bool forwarded_ = false;
};

/// A service that answers calls. Requests count as memory of streams (session_config::stream_receive_bytes_total) as
/// they come and until they are answered; when there is no room for one, its caller is told errc::peer_busy.
[[nodiscard]] call_service make_call_service(call_handler handler, call_limits limits = {});

/// Makes one call over a stream that was just opened, and completes with the response. The deadline is the caller's
/// matter. Errors: errc::peer_busy when either side has no room for a message, errc::attachment_refused,
/// application_error() when the handler gave one, errc::peer_error when it failed otherwise or took the request for
/// malformed, errc::too_large for a request or response over the limit, errc::protocol_violation and errc::truncated
/// for something that is no response, and those of streams. The service has to be one of make_call_service(): another
/// one that just ends the stream gives errc::truncated, one that says something else errc::protocol_violation, and one
/// that waits for more a call that ends by its deadline.
[[nodiscard]] task<result<bytes>> exchange_call(stream over, bytes request, std::optional<attachment> with,
                                                call_limits limits);

}  // namespace mydht
