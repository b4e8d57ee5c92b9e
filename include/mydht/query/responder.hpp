#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include <mydht/routing/routing_table.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/session/session.hpp>
#include <mydht/store/store.hpp>
#include <mydht/value/namespaces.hpp>

namespace mydht {

/// What a store has under a key.
struct held_items {
    held_items() {}
    std::vector<item> items;
    /// What is left to the cached copy among them that ends first; 0 when none is one.
    std::chrono::milliseconds copy_left{0};
};

/// Answers what peers ask from the node's own table and store. Everything a peer sends is judged here before anything
/// is kept: opened, checked against its key and signature, and against the rules of its namespace.
class responder {
public:
    /// The referents must outlive the responder and every answer under way.
    /// `k`: how many contacts an answer names at most.
    responder(environment env, const any_routing_table& table, any_store& values, const namespaces& rules,
              std::size_t k, bool client_only)
        : env_(std::move(env)), table_(table), values_(values), rules_(rules), k_(k), client_only_(client_only) {}

    /// Never fails: what is wrong with a request is in the answer. Takes `from` as proven or not as it says.
    [[nodiscard]] task<wire::message> answer(peer_info from, wire::message what);

    /// Judges and keeps an item as if a peer had sent it; the node's own puts go this way too. `from` is empty for
    /// those. Errors: those of value::open, namespaces::validate and store::put.
    [[nodiscard]] task<result<put_outcome>> keep(const peer_info* from, id256 where, item what,
                                                 std::optional<std::uint64_t> expected_sequence);

    /// The same for an item that somebody else sent to `from`: it lies in the pool of those, at the cost of who signed
    /// it, or of `from` when nobody has.
    [[nodiscard]] task<result<put_outcome>> keep_forwarded(const peer_info& from, id256 where, item what,
                                                           std::optional<std::uint64_t> expected_sequence);

    /// Judges an item and keeps it as a cached copy for at most `time`, at the cost of `from`. What does not fit is
    /// left.
    [[nodiscard]] task<> keep_copy(const peer_info& from, id256 where, item what, duration time);

    /// The valid items of a key in the own store.
    [[nodiscard]] task<std::vector<item>> items(id256 where);
    /// The same, and how long they may be handed on as copies.
    [[nodiscard]] task<held_items> held(id256 where);

private:
    [[nodiscard]] std::vector<contact> nearest(const peer_info& from, const id256& target, wire::kind_mask kinds) const;
    [[nodiscard]] task<wire::message> answer_value(peer_info from, wire::find_value question);
    [[nodiscard]] task<wire::message> answer_store(peer_info from, wire::store order);
    [[nodiscard]] result<value> judge(const id256& where, item what) const;

    environment env_;
    const any_routing_table& table_;
    any_store& values_;
    const namespaces& rules_;
    std::size_t k_;
    bool client_only_;
};

/// What a peer is told when its store was not done.
[[nodiscard]] wire::error_code refusal_of(std::error_code why) noexcept;

/// What a peer's refusal means to who asked; errc::peer_error for all that say nothing of the value.
[[nodiscard]] errc meaning_of(wire::error_code refusal) noexcept;

}  // namespace mydht
