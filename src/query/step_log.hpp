#pragma once

#include <cstddef>
#include <optional>
#include <system_error>
#include <vector>

#include <mydht/query/forwarder.hpp>
#include <mydht/query/messenger.hpp>
#include <mydht/query/report.hpp>

namespace mydht::detail {

/// Writes down what the asker of a query sees, lookup_report::steps_max steps at most.
class step_log {
public:
    /// A request that was written down; nothing for one that there was no room for.
    using number = std::optional<std::size_t>;

    /// `into` must outlive it.
    step_log(std::vector<query_step>& into, steady_time begun) : steps_(into), begun_(begun) {}

    /// A request leaves, to a peer that `named_by` named if anybody did.
    number sent(const contact& to, const std::optional<node_id>& named_by, steady_time now);

    /// It ends without an answer.
    void failed(number step, std::error_code why, steady_time now);
    /// It is answered, over a session that goes to `from`. The step for the rest of what there is to say; null when
    /// there is none.
    query_step* answered(number step, query_step::ending how, const address& from, steady_time now);
    /// The same for an answer to a query that travels.
    query_step* gathered(number step, const reply& answer, steady_time now);
    /// A peer brings something to the asker, or one that was asked hands something on before its answer.
    void brought(const node_id& by, steady_time now);

    /// The last request to the peer.
    [[nodiscard]] number last_to(const node_id& peer) const;

private:
    query_step* end(number step, query_step::ending how, steady_time now);

    std::vector<query_step>& steps_;
    steady_time begun_;
};

/// Adds what one of the queries that a report is about counted and wrote down. The report began at `begun`.
void add_round(lookup_report& into, steady_time begun, std::size_t round, const forward_report& part);

}  // namespace mydht::detail
