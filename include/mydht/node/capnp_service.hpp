#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <capnp/any.h>
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <mydht/node/calls.hpp>
#include <mydht/node/node.hpp>

/// Calls with messages of an application's own Cap'n Proto schema. An opt-in header: it needs Cap'n Proto's headers and
/// library.
namespace mydht {

namespace detail {

/// What may be read of a message in all, in words and counting those that are met again: enough to read it several
/// times.
[[nodiscard]] inline capnp::ReaderOptions capnp_limits(std::size_t message_bytes) {
    constexpr std::uint64_t words_min = 4096;
    capnp::ReaderOptions out;
    out.traversalLimitInWords = words_min + message_bytes;
    return out;
}

[[nodiscard]] inline bytes to_bytes_of(capnp::MessageBuilder& from) {
    const auto words = capnp::messageToFlatArray(from);
    const auto data = words.asBytes();
    return {data.begin(), data.end()};
}

}  // namespace detail

/// A message that came from a peer, and its memory.
template <typename T>
class capnp_message {
public:
    /// Errors: errc::malformed when the bytes are no message. They are aligned to 8 bytes.
    [[nodiscard]] static result<capnp_message> from_bytes(bytes data) {
        if (data.size() % sizeof(capnp::word) != 0) return failure(errc::malformed);
        try {
            auto held = std::make_unique<memory>(std::move(data));
            // Also finds pointers that lead out of the message, or in circles.
            (void)held->reader.template getRoot<capnp::AnyPointer>().targetSize();
            return capnp_message(std::move(held));
        } catch (const kj::Exception&) {
            return failure(errc::malformed);
        }
    }

    /// The message. Where it does not fit the schema, its accessors throw kj::Exception; see read().
    [[nodiscard]] typename T::Reader root() const { return root_; }

    /// What `with` makes of the message, or errc::malformed where it does not fit the schema.
    template <typename Function>
    [[nodiscard]] auto read(Function&& with) const -> result<decltype(with(std::declval<typename T::Reader>()))> {
        try {
            return std::forward<Function>(with)(root());
        } catch (const kj::Exception&) {
            return failure(errc::malformed);
        }
    }

private:
    struct memory {
        explicit memory(bytes data_) : data(std::move(data_)), reader(words(), detail::capnp_limits(data.size())) {}

        [[nodiscard]] kj::ArrayPtr<const capnp::word> words() const {
            return {reinterpret_cast<const capnp::word*>(data.data()), data.size() / sizeof(capnp::word)};
        }

        bytes data;
        capnp::FlatArrayMessageReader reader;
    };

    explicit capnp_message(std::unique_ptr<memory> held)
        : held_(std::move(held)), root_(held_->reader.template getRoot<T>()) {}

    std::unique_ptr<memory> held_;
    // Found once: each time counts against what may be read.
    typename T::Reader root_;
};

/// A call of a peer in the application's schema. Lives as long as its handler runs, which alone uses it.
template <typename Request, typename Response>
class capnp_call {
public:
    capnp_call(incoming_call& over, capnp_message<Request> request) : over_(over), request_(std::move(request)) {}
    capnp_call(const capnp_call&) = delete;
    capnp_call& operator=(const capnp_call&) = delete;

    [[nodiscard]] const peer_info& from() const noexcept { return over_.from(); }
    [[nodiscard]] typename Request::Reader request() const { return request_.root(); }
    /// The response, which is sent when the handler has ended.
    [[nodiscard]] typename Response::Builder response() { return answer_.getRoot<Response>(); }
    /// The call as such, for its attachment.
    [[nodiscard]] incoming_call& call() noexcept { return over_; }

    [[nodiscard]] bytes take_response() { return detail::to_bytes_of(answer_); }

private:
    incoming_call& over_;
    capnp_message<Request> request_;
    capnp::MallocMessageBuilder answer_;
};

/// Answers a call. What it throws, kj::Exception for a request that does not fit the schema included, is
/// errc::peer_error to the caller. Cancelled when the caller gives up.
template <typename Request, typename Response>
using capnp_handler = std::function<task<>(capnp_call<Request, Response>& call)>;

namespace detail {

template <typename Request, typename Response>
task<result<bytes>> answer_in_capnp(std::shared_ptr<const capnp_handler<Request, Response>> handler,
                                    incoming_call& over) {
    auto request = capnp_message<Request>::from_bytes(to_bytes(over.request()));
    if (!request) co_return failure(request.error());
    capnp_call<Request, Response> call(over, std::move(*request));
    auto work = (*handler)(call);
    try {
        co_await std::move(work);
        co_return call.take_response();
    } catch (const kj::Exception&) {
    }
    co_return failure(errc::malformed);
}

/// `Peer`: a node_id or a contact.
template <typename Response, typename Peer>
task<result<capnp_message<Response>>> call_in_capnp(node from, Peer peer, std::string service, bytes request,
                                                    call_options options) {
    auto response = co_await from.call(std::move(peer), std::move(service), std::move(request), std::move(options));
    if (!response) co_return failure(response.error());
    co_return capnp_message<Response>::from_bytes(std::move(*response));
}

}  // namespace detail

/// Serves calls to a service. The same as node::serve otherwise; node::unserve ends it.
template <typename Request, typename Response>
void serve_calls(node& on, std::string service, capnp_handler<Request, Response> handler, call_limits limits = {},
                 serve_options options = {}) {
    auto kept = std::make_shared<const capnp_handler<Request, Response>>(std::move(handler));
    call_handler answer = [kept = std::move(kept)](incoming_call& over) {
        return detail::answer_in_capnp<Request, Response>(kept, over);
    };
    on.serve(std::move(service), make_call_service(std::move(answer), limits), options);
}

/// Calls a service of a peer: `build` fills the request before this returns. Completes with the response. See
/// node::call for the errors; errc::malformed too, when the response is no message.
template <typename Request, typename Response>
[[nodiscard]] task<result<capnp_message<Response>>> call(node& from, node_id peer, std::string service,
                                                         const std::function<void(typename Request::Builder)>& build,
                                                         call_options options = {}) {
    capnp::MallocMessageBuilder request;
    build(request.initRoot<Request>());
    return detail::call_in_capnp<Response>(from, peer, std::move(service), detail::to_bytes_of(request),
                                           std::move(options));
}
/// The same for a peer whose addresses are known.
template <typename Request, typename Response>
[[nodiscard]] task<result<capnp_message<Response>>> call(node& from, contact peer, std::string service,
                                                         const std::function<void(typename Request::Builder)>& build,
                                                         call_options options = {}) {
    capnp::MallocMessageBuilder request;
    build(request.initRoot<Request>());
    return detail::call_in_capnp<Response>(from, std::move(peer), std::move(service), detail::to_bytes_of(request),
                                           std::move(options));
}

}  // namespace mydht
