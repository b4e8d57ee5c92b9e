#include "session/packet_link.hpp"

#include "session/datagram_hub.hpp"
#include "session/datagram_responder.hpp"
#include "session/datagram_session.hpp"
#include "session/peer_addresses.hpp"

namespace mydht::detail {

index_claim::index_claim(std::shared_ptr<datagram_hub> hub, std::uint32_t index) : hub_(std::move(hub)), index_(index) {
    hub_->responder().claim(index_);
}

index_claim::~index_claim() {
    if (hub_) hub_->responder().unclaim(index_);
}

result<std::shared_ptr<session_state>> packet_link::open(std::shared_ptr<session_context> context) {
    datagram_session::beginnings from(std::move(from_.ciphers));
    from.peer = make_peer(std::move(from_.peer), from_.remote, from_.outgoing, from_.proven);
    from.codec = from_.codec;
    from.port = std::move(from_.port);
    from.hub = std::move(from_.hub);
    from.last = std::move(from_.last);
    from.first_frames = std::move(from_.first_frames);
    from.first_packet = std::move(from_.first_packet);
    from.round_trip = from_.round_trip;
    return std::make_shared<datagram_session>(std::move(context), std::move(from));
}

}  // namespace mydht::detail
