#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/crypto/identity.hpp>
#include <mydht/query/query_config.hpp>
#include <mydht/query/travel_rules.hpp>
#include <mydht/routing/table_choice.hpp>
#include <mydht/session/session_config.hpp>
#include <mydht/store/store.hpp>
#include <mydht/transport/datagram.hpp>
#include <mydht/transport/transport.hpp>
#include <mydht/value/namespaces.hpp>

namespace mydht {

/// Settings of a node. Checked as a whole when the node is made. Can be moved and not copied, since the store in it
/// belongs to one node. Who makes several nodes alike writes a function that returns a node_config.
struct node_config {
    /// Who the node is; a fresh, unsaved identity when not given.
    std::shared_ptr<const identity> self;
    /// What to dial and listen with; TCP and UDP when both lists are empty. Peers that can be reached by datagrams are
    /// asked so.
    std::vector<any_transport> transports;
    std::vector<any_datagram_transport> datagram_transports;
    /// Where to listen. Port 0 lets the system choose. A node that listens nowhere takes part as a client.
    std::vector<address> listen;
    /// Where to enter the network: addresses as users write them, names and pinned identities allowed.
    std::vector<location> bootstrap;
    /// Take part without answering queries or keeping values, even when listening.
    bool client_only = false;

    session_config sessions;
    /// How the node keeps those that it knows, and whom it prefers.
    table_choice table;
    query_config queries;
    /// How queries travel: this node's, and what it does for those of others.
    travel_rules forwarding;
    store_limits store_bounds;
    /// Instead of a memory store with `store_bounds`.
    any_store store;
    /// What values are accepted beyond the default namespace.
    namespaces rules;

    /// Keeps the contacts over restarts. Off: the table is forgotten.
    std::optional<std::filesystem::path> table_file;
    /// How often the table file is written while the node runs; it is also written when the node stops.
    std::chrono::milliseconds table_save_interval{300'000};

    /// A bucket that no lookup has touched for so long is looked up.
    std::chrono::milliseconds refresh_after{3'600'000};
    /// How often the node looks up its own id: the nearest peers are what keeps values and finds them, and this notices
    /// those that left and those that came.
    std::chrono::milliseconds neighbours_interval{300'000};
    /// How often buckets, stored values and quotas are looked over.
    std::chrono::milliseconds upkeep_interval{60'000};
    /// The pause before a bootstrap that failed is tried again; it doubles up to the upper bound.
    std::chrono::milliseconds bootstrap_retry_min{2'000};
    std::chrono::milliseconds bootstrap_retry_max{300'000};
    /// How long start() waits for the first join at most.
    std::chrono::milliseconds join_timeout{30'000};
    /// How long a stop waits for what is under way before it ends it.
    std::chrono::milliseconds stop_grace{2'000};
};

/// Success, or errc::bad_configuration and the field's name in `field`.
[[nodiscard]] result<void> validate(const node_config& config, std::string* field = nullptr);

}  // namespace mydht
