#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>
#include <mydht/crypto/noise/dh.hpp>
#include <mydht/session/admission.hpp>
#include <mydht/session/rate_limits.hpp>
#include <mydht/wire/codec.hpp>
#include <mydht/wire/preamble.hpp>

namespace mydht {

/// Settings of the sessions of one node.
struct session_config {
    /// The network's name; nodes of other names are told so and turned away. At most 255 bytes.
    std::string network = "mydht";
    /// The secret of a private network, 32 random bytes: who does not know it gets no answer beyond "other network".
    /// Off: an open network.
    std::optional<bytes> psk;
    /// Plain links have no encryption and prove nothing about who is at the other end; for closed networks and
    /// comparisons.
    wire::link_mode mode = wire::link_mode::secured;
    /// The encodings of messages, in order of preference, at most 16, Cap'n Proto among them: what is sent before the
    /// choice is Cap'n Proto, which every node speaks. Of a session's two ends the one that offers (it was dialled over
    /// a connection, or dials over datagrams) has its first one that the other speaks too. All of this build, unless
    /// fewer are named; a parser that is not named is never fed.
    std::vector<wire::any_codec> codecs{wire::all_codecs().begin(), wire::all_codecs().end()};

    /// From the first byte to the proven peer, for both sides; a dial also pays for the connection out of it.
    std::chrono::milliseconds handshake_timeout{10'000};
    /// From the first byte to the end of the preamble, for who comes from outside.
    std::chrono::milliseconds preamble_timeout{2'000};
    /// A session without a request under way, an open stream or an answer that is still to arrive is closed after this
    /// time without use.
    std::chrono::milliseconds idle_timeout{120'000};
    /// A peer that takes nothing of what waits for it for so long is slow, and its session is closed; also one that
    /// begins a message and sends neither its end nor 16 KiB more of it in this time. A peer that something is to come
    /// from (the answer to a request, or whatever an open stream may bring) is asked for a sign after 15 seconds of
    /// silence, by the side that was dialled after 18, and is unreachable when it gives none for this time. Nobody is
    /// asked while nothing is to come.
    std::chrono::milliseconds stall_timeout{20'000};
    /// How long the loser of two handshakes that crossed is still answered. Streams that were opened on it stay until
    /// they end, and the link with them; then it has this time once more.
    std::chrono::milliseconds crossing_grace{5'000};

    /// Open sessions; beyond it the least useful one is given up, or the new one refused. Links that lost a crossing
    /// count.
    std::size_t sessions_max = 4096;
    /// Handshakes under way from outside; a further one ends the oldest whose preamble has not come, or else the
    /// oldest.
    std::size_t handshakes_max = 256;
    /// Those of one network_prefix, other than of loopback and private addresses; a further one ends one of them.
    std::size_t handshakes_per_prefix = 32;
    /// Requests of ours under way on one session; a further one fails with errc::too_many_requests.
    std::size_t requests_max = 256;
    /// Requests of the peer under way on one session; beyond it nothing more is read from its connection until one is
    /// answered, while one that comes in packets, which cannot wait, is answered wire::error_code::busy.
    std::size_t served_max = 256;
    /// Encoded bytes of such requests; beyond it the same. One request is always taken.
    std::size_t served_bytes = 4 * 1024 * 1024;
    /// Encoded bytes that wait to be written on one session; beyond it our requests wait.
    std::size_t send_buffer_bytes = 2 * 1024 * 1024;
    /// Bytes of answers among them; beyond it no further request of the peer is given to the handler until it has taken
    /// some. A room of their own, so that two sides with many requests never wait for each other.
    std::size_t answer_buffer_bytes = 256 * 1024;
    /// Bytes that wait to be written on all sessions together; beyond it the session with the most is ended as slow.
    std::size_t send_bytes_total = 64 * 1024 * 1024;
    /// The largest packets of datagrams that are tried, headers of IP and UDP not counted. All ways carry 1,200 bytes,
    /// and larger ones are used only once a probe of their size has come through; at least that.
    std::size_t packet_bytes_max = 1452;
    /// Memory for messages that came in parts over datagrams and are not complete, of all sessions together; beyond it
    /// parts are not taken, and come again.
    std::size_t assembly_bytes_total = 64 * 1024 * 1024;

    /// Who may have a session.
    admission_config admission;
    /// Requests that peers may send. Off: as many as they like.
    std::optional<request_limits> request_rate = request_limits();
    /// Handshakes that may begin from outside, for each network_prefix; a further one is dropped unread. Off: as many
    /// as come.
    std::optional<rate_limit> handshake_rate = rate_limit{50, 200};
    /// Dials of addresses that others have named, to find out whether they are true, or to bring somebody there an
    /// answer.
    dial_limits probes;
    /// Dials of addresses that others have named, to ask who is there: lookups, pings and stores. Each address counts
    /// that is dialled. Without it an answer full of contacts at one network would make every node that looks something
    /// up send it packets. Many honest nodes in one network are then asked more slowly. Addresses of this machine (see
    /// exempt_loopback) and private ones do not count.
    dial_limits lookups = dial_limits({2, 4}, {10, 40}, 1'000, 4'096);
    /// The two rates of peers do not count this machine itself (loopback and in-memory addresses). Turn it off where
    /// strangers reach the node through a proxy on the same machine, such as an onion service.
    bool exempt_loopback = true;

    /// Application streams that each side may have open on one session; a further one fails with
    /// errc::too_many_streams. Also how many services of this node run at once for one session.
    std::size_t streams_max = 1024;
    /// Bytes of a stream that may lie here unread, once its reader has shown that it keeps up; at first it is
    /// wire::initial_stream_window, which is the least.
    std::size_t stream_window_bytes = 1024 * 1024;
    /// The same for all streams of a session together; at first and at least wire::initial_session_window.
    std::size_t session_window_bytes = 4 * 1024 * 1024;
    /// Bytes of a stream that were written and have not arrived; beyond it writes wait.
    std::size_t stream_send_bytes = 512 * 1024;
    /// Memory for what came on streams and was not read, of all sessions together, and for messages of calls; at least
    /// eight session windows, since one session gets an eighth of it. From the half on windows do not grow. When it is
    /// used up, packets of datagrams are not taken and come again, and streams over connections break off; streams on
    /// which nothing was read for half a stall_timeout break off, in the sessions that hold at least the average.
    std::size_t stream_receive_bytes_total = 128 * 1024 * 1024;
    /// Memory for what was written to streams and has not arrived, of all sessions together; at least eight
    /// times stream_send_bytes, since one session gets an eighth of it. Beyond it writes wait, and streams on which
    /// nothing has moved for half a stall_timeout break off in the same way.
    std::size_t stream_send_bytes_total = 128 * 1024 * 1024;

    /// Key agreement; anything but X25519 is for simulations and refused by real transports.
    const noise::dh* agreement = &noise::x25519();
};

/// Success, or errc::bad_configuration with the name of the field in `field` when given.
[[nodiscard]] result<void> validate(const session_config& config, std::string* field = nullptr);

}  // namespace mydht
