#pragma once

#include <functional>

#include <mydht/core/id.hpp>
#include <mydht/core/result.hpp>
#include <mydht/routing/flat_table.hpp>
#include <mydht/routing/kbucket_config.hpp>
#include <mydht/routing/routing_table.hpp>
#include <mydht/routing/trust_table.hpp>

namespace mydht {

/// Which routing table a node has: `config.table = mydht::flat_table_config();`. Bucket tables when nothing is said.
class table_choice {
public:
    /// Makes an empty table. `exempt_local`: caps by subnet do not count local addresses.
    using maker = std::function<any_routing_table(const node_id& own, bool exempt_local)>;

    table_choice() : table_choice(kbucket_config()) {}
    // Converting, so that a choice is one assignment.
    table_choice(const kbucket_config& config);     // NOLINT(google-explicit-constructor)
    table_choice(const flat_table_config& config);  // NOLINT(google-explicit-constructor)
    table_choice(trust_table_config config);        // NOLINT(google-explicit-constructor)
    /// A table of the application's own.
    explicit table_choice(maker make) : make_(std::move(make)) {}

    /// Errors: errc::bad_configuration for settings that can never work.
    [[nodiscard]] result<void> check() const;
    /// The choice must be valid (asserted).
    [[nodiscard]] any_routing_table make(const node_id& own, bool exempt_local) const;

private:
    maker make_;
    bool valid_ = true;
};

}  // namespace mydht
