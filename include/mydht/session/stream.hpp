#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>
#include <mydht/core/service_name.hpp>
#include <mydht/runtime/task.hpp>
#include <mydht/session/session.hpp>
#include <mydht/wire/stream_limits.hpp>

namespace mydht {

class stream;

namespace detail {
class stream_state;
class stream_grip;
/// Not for an empty handle.
[[nodiscard]] const stream_grip& grip_of(const stream& of) noexcept;
}  // namespace detail

/// An ordered, reliable stream of bytes each way to a service of a peer, or from a peer to a service of this node. Many
/// of them share a session; none holds up the others or the session's requests for long. A handle: empty by default,
/// copies share the stream. When the last one goes, a stream whose side has not said its end is reset, and one that has
/// leaves in order. Every member may be called on any executor: it works on the session's, which must still run or at
/// least exist, and completes on the caller's. One read and one write may be under way at a time. Cancelling an
/// operation throws std::system_error(operation_aborted) and leaves the stream usable; a cancelled write may have taken
/// a part. Errors of all operations: errc::no_service when the peer has no such service, errc::too_many_streams when it
/// has no room for another stream, errc::peer_busy when it has no memory for it, errc::stream_reset when it broke the
/// stream off, errc::session_closed when the session ended (errc::not_admitted when it did because the peer refuses
/// this node, errc::slow_peer when either side read too slowly), errc::closed after reset() or close(), and for an
/// empty handle.
class stream {
public:
    stream() = default;
    explicit stream(std::shared_ptr<detail::stream_state> state);

    [[nodiscard]] bool empty() const noexcept { return grip_ == nullptr; }

    /// Reads at least one byte and at most into.size(); completes with the count as soon as there are any. An empty
    /// `into` gives 0 at once. Error: errc::end_of_stream after the last byte when the peer has said its end. What has
    /// come before the session ended can still be read. The memory must live until the operation has ended.
    [[nodiscard]] task<result<std::size_t>> read_some(bytes_span into);
    /// Fills all of `into`. Errors: errc::end_of_stream when the end comes before the first byte, errc::truncated
    /// when it comes later. Cancelled, or failed: an unknown part was read.
    [[nodiscard]] task<result<void>> read(bytes_span into);
    /// Completes when all of `data` lies in the stream's send buffer, which waits for the peer to read: nothing here
    /// grows without bound. Error: errc::closed after finish(). The memory must live until the operation has ended.
    [[nodiscard]] task<result<void>> write(bytes_view data);
    /// Says that no more follows; the peer reads errc::end_of_stream behind what was written. Reading goes on. May be
    /// called again.
    [[nodiscard]] task<result<void>> finish();
    /// Completes when all that was written (and the end, after finish()) has left: over datagrams, when the peer's node
    /// has it; over streams, when the transport has taken it.
    [[nodiscard]] task<result<void>> flushed();
    /// Completes when the peer's service has taken the stream, or refused it; at once for a stream that the peer
    /// opened. One may write before.
    [[nodiscard]] task<result<void>> accepted();

    /// Breaks both directions off; what waits to be sent is dropped. The peer is told the code, which is below
    /// wire::stream_code_reserved for an application. Done before this returns on the session's executor, soon after
    /// elsewhere.
    void reset(std::uint32_t code = 0);
    /// The side's end in order: what was written still travels, nothing more is read.
    void close();

    /// The code of the reset that ended the stream, of whichever side. After an operation has failed.
    [[nodiscard]] std::optional<std::uint32_t> reset_code() const noexcept;
    /// Not for empty handles, like the others below.
    [[nodiscard]] const peer_info& peer() const noexcept;
    [[nodiscard]] const std::string& service() const noexcept;
    /// The session's.
    [[nodiscard]] const executor& get_executor() const noexcept;

    friend bool operator==(const stream&, const stream&) = default;

private:
    friend const detail::stream_grip& detail::grip_of(const stream& of) noexcept;

    std::shared_ptr<detail::stream_grip> grip_;
};

/// When opening a stream has completed.
enum class open_mode : std::uint8_t {
    answered,  ///< when the service has taken it
    at_once,   ///< as soon as something can be written to it
};

/// Serves the streams that peers open to one service: runs for each of them, from its opening to its end, on the node's
/// executor. It is cancelled when the stream is broken off or the session ends. What it throws is logged and resets the
/// stream. The stream ends with its last handle, not before the handler does; say finish() or close() for an end in
/// order.
using service_handler = std::function<task<>(stream)>;

}  // namespace mydht
