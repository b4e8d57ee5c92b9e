#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include <mydht/runtime/wait_queue.hpp>
#include <mydht/transport/datagram.hpp>

#include "session/address_watch.hpp"
#include "session/session_context.hpp"

namespace mydht::detail {

class datagram_port;

/// Who is given the packets of a port.
class packet_sink {
public:
    packet_sink() = default;
    packet_sink(const packet_sink&) = delete;
    packet_sink& operator=(const packet_sink&) = delete;

    /// The packet may be changed. Everything in it may be a lie.
    virtual void take_packet(const std::shared_ptr<datagram_port>& at, const address& from, bytes_span packet) = 0;
    /// No more packets come in the same piece of memory.
    virtual void batch_ended() = 0;
    /// Nor in others: the port waits for the next ones.
    virtual void turn_ended() = 0;
    /// The system says that nobody took a packet to this address.
    virtual void refused(const address& by) = 0;
    /// The socket broke: nothing goes or comes here, and did not from `since` on, until port_back(), which comes for
    /// ports that listen.
    virtual void port_lost(const std::shared_ptr<datagram_port>& at, steady_time since, std::error_code why) = 0;
    virtual void port_back(const std::shared_ptr<datagram_port>& at) = 0;

protected:
    ~packet_sink() = default;
};

/// Whoever waits for room to send.
class packet_source {
public:
    packet_source() = default;
    packet_source(const packet_source&) = delete;
    packet_source& operator=(const packet_source&) = delete;

    virtual void writable() = 0;

protected:
    ~packet_source() = default;
};

/// What becomes of a port whose socket is lost, as when its interface goes away.
enum class after_failure : std::uint8_t {
    reopen,  ///< at the same address, again and again until it works
    stop,
};

/// A socket of packets and the one loop that reads it. All sessions that go through it share its memory.
///
/// The socket is lost when it says so, and when the address that it is bound to has been away for a while. No system
/// tells of the latter: UDP sockets on Linux stay silent, and sends fail with errors (ENETUNREACH) that mean nothing
/// worse where a destination cannot be reached, or with none. So where the transport knows the machine's addresses
/// (has_address()) and had this one when the socket was opened, the port looks, now and then, and soon after a send has
/// failed. Errors of sends alone never lose a socket: a network that cannot be reached comes back, and others can forge
/// some of them. At wildcards nothing is watched.
class datagram_port : public std::enable_shared_from_this<datagram_port> {
public:
    /// `with` made the socket.
    datagram_port(std::shared_ptr<session_context> context, any_datagram_transport with, any_datagram_socket socket,
                  after_failure then);

    /// Reads until close(), or until the socket is lost for good. `sink` must live until then.
    void start(packet_sink& sink);
    void close();

    /// Sends now or not at all. False when there is no room: packets may be lost anyway, and are while the socket is
    /// broken.
    bool send(const address& to, bytes_view data) { return send(to, data, data.size()); }
    /// Several packets, all but the last of `packet_bytes`.
    bool send(const address& to, bytes_view data, std::size_t packet_bytes);
    /// Calls `who` once when there may be room again; forgotten when it dies.
    void tell_when_writable(std::weak_ptr<packet_source> who);

    /// Where packets arrive, with the port that the first socket was given.
    [[nodiscard]] const address& local() const noexcept { return at_; }
    /// Of the socket; while it is broken, of the one that was there.
    [[nodiscard]] std::size_t packet_bytes_max() const noexcept { return packet_bytes_max_; }
    [[nodiscard]] std::size_t batch_bytes_max() const noexcept { return batch_bytes_max_; }
    /// Packets come and go; false after close() and while the socket is broken.
    [[nodiscard]] bool works() const noexcept { return works_; }

private:
    [[nodiscard]] static task<> run(std::shared_ptr<datagram_port> self);
    /// Completes with why no more packets come.
    [[nodiscard]] static task<std::error_code> receive(std::shared_ptr<datagram_port> self);
    /// Ends the socket when its address is away for too long.
    [[nodiscard]] static task<> watch(std::shared_ptr<datagram_port> self);
    [[nodiscard]] static task<> reopen(std::shared_ptr<datagram_port> self);
    /// Completes when the address may be there.
    [[nodiscard]] static task<> address_comes(std::shared_ptr<datagram_port> self);
    [[nodiscard]] static task<> wait_for_room(std::shared_ptr<datagram_port> self);
    /// Takes what has come, at most so many times. How many times there was something, or why nothing more comes.
    [[nodiscard]] result<int> take_burst(any_datagram_socket& from, bytes_span buffer, int most);
    void use(any_datagram_socket socket);
    /// The socket is new: watches its address if that can be told.
    void begin_watch(bool was_watched);
    void send_failed();
    void lose(std::error_code why);
    void hand_over(const datagrams& what, bytes_span buffer);

    std::shared_ptr<session_context> context_;
    any_datagram_transport transport_;
    // Shared with those that wait at it: another one may be in its place when they are told of its end.
    std::shared_ptr<any_datagram_socket> socket_;
    std::size_t packet_bytes_max_ = 0;
    std::size_t batch_bytes_max_ = 0;
    address at_;
    after_failure then_;
    packet_sink* sink_ = nullptr;
    std::vector<std::weak_ptr<packet_source>> waiting_;
    wait_queue closing_;
    std::optional<address_watch> watch_;  ///< while the address is watched
    wait_queue watching_;
    std::optional<steady_time> away_since_;  ///< the socket was ended from here, since its address is away
    bool waits_for_room_ = false;
    bool works_ = true;
    bool closed_ = false;
};

}  // namespace mydht::detail
