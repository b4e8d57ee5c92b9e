#include <algorithm>
#include <string>
#include <utility>

#include <mydht/runtime/deadline.hpp>

#include "session/pool_core.hpp"

namespace mydht::detail {

namespace {

/// As much as the largest handshake record and what may follow it at once.
constexpr std::size_t read_bytes = 2048;

}  // namespace

/// The place of one of the handshakes from outside, of which there are only so many.
class pool_core::handshake_ticket {
public:
    handshake_ticket(std::shared_ptr<pool_core> core, arrivals::place at) : core_(std::move(core)), at_(at) {}
    handshake_ticket(handshake_ticket&&) noexcept = default;
    handshake_ticket& operator=(handshake_ticket&&) = delete;
    ~handshake_ticket() {
        if (!core_) return;
        core_->arrivals_.remove(at_);
        core_->handshake_ended_.notify_all();
    }

    [[nodiscard]] const std::shared_ptr<pool_core>& core() const noexcept { return core_; }
    [[nodiscard]] arrival& place() const noexcept { return *at_; }

private:
    std::shared_ptr<pool_core> core_;
    arrivals::place at_;
};

task<result<void>> pool_core::exchange(stream_link& link, arrival* from) {
    bytes out;
    link.handshake.start(out);
    bytes in(read_bytes);
    for (;;) {
        if (!out.empty()) {
            const auto written = co_await link.connection.write(out);
            if (!written) co_return failure(written.error());
            out.clear();
        }
        const auto got = co_await link.connection.read_some(in);
        if (!got) co_return failure(got.error());
        auto input = bytes_view(in).first(*got);
        const auto proven = link.handshake.advance(input, out);
        if (from != nullptr && link.handshake.greeted()) from->greet();
        if (proven && *proven) {
            link.received = to_bytes(input);
            co_return result<void>();
        }
        if (proven) continue;
        // The reason for turning the peer away; what becomes of it does not matter any more.
        if (!out.empty()) (void)co_await link.connection.write(out);
        co_return failure(proven.error());
    }
}

task<result<proven_ptr>> pool_core::attempt(std::shared_ptr<pool_core> core, any_transport with, address to,
                                            std::optional<node_id> pinned) {
    auto connection = co_await with.connect(to);
    if (!connection) co_return failure(connection.error());
    auto link =
        std::make_unique<stream_link>(std::move(*connection), stream_handshake::dialler(core->party_, pinned), true);
    const auto done = co_await exchange(*link, nullptr);
    // A peer that ends the stream instead of answering speaks something else.
    if (!done) co_return failure(done.error() == errc::end_of_stream ? make_error_code(errc::not_mydht) : done.error());
    if (!link->received.empty()) co_return failure(errc::protocol_violation);
    co_return proven_ptr(std::move(link));
}

task<result<proven_ptr>> pool_core::receive(std::shared_ptr<pool_core> core, any_connection connection,
                                            arrival& place) {
    const bool busy = core->full() && !core->least_useful_session();
    auto link =
        std::make_unique<stream_link>(std::move(connection), stream_handshake::listener(core->party_, busy), false);
    const auto done = co_await exchange(*link, &place);
    if (!done) co_return failure(done.error());
    co_return proven_ptr(std::move(link));
}

task<> pool_core::accept_one(handshake_ticket ticket, any_connection connection) {
    const auto core = ticket.core();
    const auto from = connection.remote();
    auto& context = *core->context_;
    auto& time = *context.env.time;
    const auto deadline = time.now() + context.config.handshake_timeout;
    auto work = receive(core, std::move(connection), ticket.place());
    auto link = co_await with_deadline(time, deadline, std::move(work));
    if (link) {
        co_await let_in(core, std::move(*link), deadline);
        co_return;
    }
    ++context.counters.handshakes_failed;
    const auto why = link.error() == errc::timed_out ? make_error_code(errc::slow_peer) : link.error();
    context.log_of_peers(log_level::info, [&] { return "turned away " + from.text() + ": " + why.message(); });
}

task<> pool_core::accept_loop(std::shared_ptr<pool_core> core, std::shared_ptr<any_listener> listener) {
    for (;;) {
        while (core->arrivals_.crowded()) co_await core->handshake_ended_.wait();
        auto connection = co_await listener->accept();
        if (!connection) {
            if (connection.error() == errc::closed) break;
            core->context_->log(log_level::error, listener->local().text() + ": " + connection.error().message());
            break;
        }
        if (core->stopping_) break;
        if (!core->may_begin_handshake(connection->remote())) continue;
        const auto at = core->arrivals_.add(connection->remote());
        auto work = accept_one(handshake_ticket(core, at), std::move(*connection));
        core->context_->group.spawn("handshake", at->running, std::move(work));
    }
}

task<result<address>> pool_core::listen(std::shared_ptr<pool_core> core, address at) {
    if (core->stopping_) co_return failure(errc::session_closed);
    auto with = core->transport_for(at);
    if (with.empty()) co_return co_await datagram_hub::listen(core->datagrams_, at);
    auto made = co_await with.listen(at);
    if (!made) co_return failure(made.error());
    if (core->stopping_) co_return failure(errc::session_closed);
    const auto listener = std::make_shared<any_listener>(std::move(*made));
    core->listeners_.push_back(listener);
    core->context_->group.spawn("accept", accept_loop(core, listener));
    co_return listener->local();
}

}  // namespace mydht::detail
