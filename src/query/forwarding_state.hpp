#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <mydht/query/forwarder.hpp>
#include <mydht/runtime/task_group.hpp>

#include "query/answered_requests.hpp"
#include "query/collection.hpp"
#include "query/crossings.hpp"
#include "query/other_ways.hpp"
#include "query/relay_load.hpp"
#include "query/relay_meter.hpp"
#include "query/request_run.hpp"
#include "query/rulebook.hpp"
#include "query/seen_tags.hpp"

namespace mydht::detail {

/// Peers of which is remembered what steps to them came to: more than a table holds.
constexpr std::size_t ways_max = 4096;

/// What the forwarded queries of one node share. They may outlive the forwarder, whose referents they then leave alone.
struct forwarding_state {
    forwarding_state(environment env_, travel_rules rules_, responder& own_, any_routing_table& table_,
                     const namespaces& spaces_)
        : env(std::move(env_)),
          book(std::move(rules_), *env.secure_random),
          own(own_),
          table(table_),
          spaces(spaces_),
          meter(book.rules().relays),
          tags(book.rules().tags_max),
          put_ends(book.rules().tags_max),
          answered(book.rules().requests_remembered, book.rules().replies_bytes),
          answering(env.exec,
                    [log = env.log](std::string_view name, const std::exception_ptr&) {
                        log.write(log_level::error, "query", std::string(name) + " ended with an exception");
                    }),
          load(book.rules().under_way_bytes) {}

    environment env;
    rulebook book;
    responder& own;
    any_routing_table& table;
    const namespaces& spaces;
    std::shared_ptr<messenger> via;
    forward_origin origin;
    relay_meter meter;
    seen_tags tags;
    seen_tags put_ends;  // puts of which a copy stays here, since paths of theirs may go no farther
    answered_requests answered;
    task_group answering;  // requests whose handlers run
    std::map<id256, std::shared_ptr<request_run>> runs;
    std::set<id256> bringing;  // visits whose answers are on their way to the asker
    other_ways ways{ways_max};
    collections waiting;
    crossings going_on;
    relay_load load;
    std::size_t requests = 0;  // that services answer now
    std::map<node_id, std::size_t> requests_by_peer;
    forward_counters counts;
};

}  // namespace mydht::detail
