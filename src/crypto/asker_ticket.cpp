#include <mydht/crypto/asker_ticket.hpp>

#include <algorithm>
#include <limits>

#include <mydht/core/body.hpp>

namespace mydht {

namespace {

constexpr std::uint8_t body_version = 1;

/// An onion and an IP address under one signature would tell who hides behind the onion.
bool can_be_dialled(const std::vector<address>& all) {
    if (all.empty()) return false;
    const auto group = group_of(all.front().kind());
    return group && std::ranges::all_of(all, [&](const address& each) {
               const auto own = group_of(each.kind());
               return own && *own == *group && !each.is_wildcard();
           });
}

/// A time that cannot be represented is in the far future, where no ticket may end.
wall_time to_wall_time(std::uint64_t milliseconds) noexcept {
    constexpr auto last = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return wall_time(std::chrono::milliseconds(static_cast<std::int64_t>(std::min(milliseconds, last))));
}

result<std::vector<address>> decode_addresses(body_reader& in) {
    std::vector<address> out;
    while (in.left() > 0) {
        const auto kind = static_cast<address_kind>(in.u8());
        const auto data = in.fixed(in.u8());
        if (in.failed()) return failure(errc::truncated);
        if (out.size() == limits::addresses_per_contact) return failure(errc::too_large);
        auto one = address::from_bytes(kind, data);
        if (!one) return failure(errc::malformed);
        out.push_back(*one);
    }
    return out;
}

result<asker_ticket> decode(bytes_view body) {
    if (body.size() > limits::ticket_bytes) return failure(errc::too_large);
    body_reader in(body);
    const auto version = in.u8();
    if (in.failed()) return failure(errc::truncated);
    if (version != body_version) return failure(errc::unknown_version);
    asker_ticket out;
    const auto goal = in.u8();
    const auto target = in.fixed(id256::size);
    const auto tag = in.fixed(loop_tag::size);
    const auto asker = in.fixed(public_key::size);
    out.deadline = to_wall_time(in.u64());
    out.results = in.u8();
    if (in.failed()) return failure(errc::truncated);
    if (goal < 1 || goal > static_cast<std::uint8_t>(ticket_goal::request) || out.results == 0)
        return failure(errc::malformed);
    out.goal = static_cast<ticket_goal>(goal);
    out.target = *id256::from_bytes(target);
    out.tag = *loop_tag::from_bytes(tag);
    out.asker = *public_key::from_bytes(asker);
    auto addresses = decode_addresses(in);
    if (!addresses) return failure(addresses.error());
    out.addresses = std::move(*addresses);
    if (!can_be_dialled(out.addresses)) return failure(errc::malformed);
    return out;
}

}  // namespace

result<signed_record> sign_ticket(const identity& self, asker_ticket ticket) {
    if (ticket.addresses.size() > limits::addresses_per_contact) return failure(errc::too_large);
    if (!can_be_dialled(ticket.addresses) || ticket.results == 0) return failure(errc::bad_argument);
    body_writer out;
    out.u8(body_version).u8(static_cast<std::uint8_t>(ticket.goal)).fixed(ticket.target.view());
    out.fixed(ticket.tag.view()).fixed(self.key().view());
    out.u64(static_cast<std::uint64_t>(ticket.deadline.time_since_epoch().count())).u8(ticket.results);
    for (const auto& where : ticket.addresses) {
        out.u8(static_cast<std::uint8_t>(where.kind())).u8(static_cast<std::uint8_t>(where.data().size()));
        out.fixed(where.data());
    }
    signed_record made;
    made.body = out.take();
    made.sig = self.sign(asker_ticket_kind, made.body);
    return made;
}

result<asker_ticket> open_ticket(bytes_view body, const signature& sig, wall_time now,
                                 std::chrono::milliseconds lifetime_max) {
    auto ticket = decode(body);
    if (!ticket) return ticket;
    const bool passed = ticket->deadline <= now - limits::clock_skew_max;
    if (passed || ticket->deadline > now + lifetime_max + limits::clock_skew_max) return failure(errc::value_expired);
    if (auto by = verify(ticket->asker, asker_ticket_kind, body, sig); !by) return failure(by.error());
    return ticket;
}

}  // namespace mydht
