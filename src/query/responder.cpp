#include <mydht/query/responder.hpp>

#include <algorithm>
#include <iterator>
#include <variant>

#include <mydht/crypto/ids.hpp>

#include "query/answer_room.hpp"
#include "query/usable.hpp"

namespace mydht {

namespace {

wire::message refuse(wire::error_code code, std::string_view text) {
    wire::error out;
    out.code = code;
    out.text = text.substr(0, limits::error_text_bytes);
    return out;
}

void come_from(const peer_info& from, store_entry& entry) {
    entry.origin_peer = from.who.id;
    entry.origin_prefix = network_prefix(from.observed);
}

}  // namespace

wire::error_code refusal_of(std::error_code why) noexcept {
    if (why == errc::value_stale) return wire::error_code::stale;
    if (why == errc::cas_mismatch) return wire::error_code::cas_mismatch;
    if (why == errc::value_expired) return wire::error_code::expired;
    if (why == errc::value_too_large || why == errc::too_large) return wire::error_code::too_large;
    if (why == errc::bad_signature || why == errc::bad_key || why == errc::wrong_key) {
        return wire::error_code::bad_signature;
    }
    if (why == errc::unknown_namespace || why == errc::invalid_value) return wire::error_code::refused;
    if (why == errc::store_full) return wire::error_code::full;
    if (why == errc::malformed || why == errc::truncated || why == errc::trailing_bytes ||
        why == errc::unknown_version) {
        return wire::error_code::malformed;
    }
    return wire::error_code::internal;
}

errc meaning_of(wire::error_code refusal) noexcept {
    switch (refusal) {
        case wire::error_code::stale: return errc::value_stale;
        case wire::error_code::cas_mismatch: return errc::cas_mismatch;
        case wire::error_code::expired: return errc::value_expired;
        case wire::error_code::too_large: return errc::value_too_large;
        case wire::error_code::bad_signature: return errc::bad_signature;
        case wire::error_code::refused: return errc::invalid_value;
        case wire::error_code::full: return errc::store_full;
        case wire::error_code::client_only: return errc::client_only;
        case wire::error_code::busy: return errc::peer_busy;
        case wire::error_code::not_supported: return errc::not_supported;
        case wire::error_code::throttled: return errc::throttled;
        default: return errc::peer_error;
    }
}

std::vector<contact> responder::nearest(const peer_info& from, const id256& target, wire::kind_mask kinds) const {
    const auto scope = scope_of(from.observed);
    const auto usable = [&](const table_entry<contact>& e) {
        if (e.contact.id == from.who.id) return false;
        return std::ranges::any_of(e.contact.addresses, [&](const address& a) {
            return (wire::mask_of(a.kind()) & kinds) != 0 && scope_of(a) >= scope;
        });
    };
    // Who did not answer last time may be gone: one failure is enough to name others first, since everybody who is sent
    // there would wait for it to time out.
    const auto certain = [&](const table_entry<contact>& e) { return e.failures == 0 && usable(e); };
    const auto doubtful = [&](const table_entry<contact>& e) { return e.failures > 0 && usable(e); };
    auto found = table_.closest(target, k_, certain);
    if (found.size() < k_) {
        auto rest = table_.closest(target, k_ - found.size(), doubtful);
        std::ranges::move(rest, std::back_inserter(found));
    }
    for (auto& c : found) detail::keep_usable(c, kinds, scope);
    return found;
}

task<wire::message> responder::answer(peer_info from, wire::message what) {
    if (std::holds_alternative<wire::ping>(what)) {
        wire::pong out;
        out.observed = from.observed;
        co_return out;
    }
    if (client_only_) co_return refuse(wire::error_code::client_only, "this node is a client and answers no queries");
    if (const auto* question = std::get_if<wire::find_node>(&what)) {
        wire::nodes out;
        out.contacts = nearest(from, question->target, question->kinds);
        co_return out;
    }
    if (auto* question = std::get_if<wire::find_value>(&what)) {
        co_return co_await answer_value(std::move(from), *question);
    }
    if (auto* order = std::get_if<wire::store>(&what)) {
        co_return co_await answer_store(std::move(from), std::move(*order));
    }
    co_return refuse(wire::error_code::not_supported, "this node does not know the request");
}

task<wire::message> responder::answer_value(peer_info from, wire::find_value question) {
    wire::values out;
    out.items = co_await items(question.target);
    out.contacts = nearest(from, question.target, question.kinds);
    co_return out;
}

task<wire::message> responder::answer_store(peer_info from, wire::store order) {
    const auto done = co_await keep(&from, order.target, std::move(order.what), order.expected_sequence);
    if (!done) co_return refuse(refusal_of(done.error()), done.error().message());
    wire::stored out;
    out.deadline = done->keep_until;
    co_return out;
}

result<value> responder::judge(const id256& where, item what) const {
    auto opened = value::open(where, std::move(what), env_.time->wall_now());
    if (!opened) return opened;
    if (const auto allowed = rules_.validate(*opened); !allowed) return failure(allowed.error());
    return opened;
}

task<result<put_outcome>> responder::keep(const peer_info* from, id256 where, item what,
                                          std::optional<std::uint64_t> expected_sequence) {
    const auto opened = judge(where, std::move(what));
    if (!opened) co_return failure(opened.error());
    const auto now = env_.time->wall_now();
    store_entry entry(*opened, now);
    if (from != nullptr) come_from(*from, entry);
    co_return co_await values_.put(std::move(entry), expected_sequence, now);
}

task<result<put_outcome>> responder::keep_forwarded(const peer_info& from, id256 where, item what,
                                                    std::optional<std::uint64_t> expected_sequence) {
    const auto opened = judge(where, std::move(what));
    if (!opened) co_return failure(opened.error());
    const auto now = env_.time->wall_now();
    store_entry entry(*opened, now);
    come_from(from, entry);
    // Whoever passes it on is not who wants it kept.
    if (opened->author()) entry.origin_peer = node_id_of(*opened->author());
    entry.pool = store_pool::forwarded;
    co_return co_await values_.put(std::move(entry), expected_sequence, now);
}

task<> responder::keep_copy(const peer_info& from, id256 where, item what, duration time) {
    const auto opened = judge(where, std::move(what));
    if (!opened) co_return;
    const auto now = env_.time->wall_now();
    store_entry entry(*opened, now);
    come_from(from, entry);
    entry.pool = store_pool::cached;
    entry.keep_until =
        std::min(entry.keep_until, wall_time(now + std::chrono::duration_cast<std::chrono::milliseconds>(time)));
    // A copy that finds no room, or a newer value in its place, is not missed.
    [[maybe_unused]] const auto kept = co_await values_.put(std::move(entry), std::nullopt, now);
}

task<std::vector<item>> responder::items(id256 where) {
    auto out = co_await held(where);
    co_return std::move(out.items);
}

task<held_items> responder::held(id256 where) {
    held_items out;
    const auto now = env_.time->wall_now();
    auto found = co_await values_.get(where, now);
    if (!found) {
        env_.log.write(log_level::error, "store", "reading a value failed: " + found.error().message());
        co_return out;
    }
    detail::answer_room room;
    for (auto& entry : *found) {
        if (!room.take(entry.what)) continue;
        out.items.push_back(std::move(entry.what));
        if (entry.pool != store_pool::cached) continue;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(entry.keep_until - now);
        const bool first = out.copy_left.count() == 0 || left < out.copy_left;
        if (first) out.copy_left = std::min<std::chrono::milliseconds>(left, limits::value_lifetime_max);
    }
    co_return out;
}

}  // namespace mydht
