#pragma once

#include <cstddef>
#include <vector>

#include <mydht/routing/contact_list.hpp>

namespace mydht {

struct trust_table_config {
    contact_list_config list;
    /// How much a peer counts: more is better, not NaN. Called on the node's executor, often; what it says of a peer
    /// may change.
    contact_list::weighing trust;
};

/// Success when the list's settings are valid and `trust` is there. Errors: errc::bad_configuration.
[[nodiscard]] result<void> validate(const trust_table_config& config);

/// Contacts by trust, those trusted alike by their distance to the target. When the table is full, who is trusted more
/// takes the place of who is trusted least. A model of routing_table.
class trust_table : public contact_list {
public:
    /// The configuration must be valid (asserted).
    trust_table(const node_id& own, trust_table_config config);

    [[nodiscard]] std::vector<contact> preferred(const id256& target, std::size_t n, const contact_filter& accept,
                                                 prng& random);
};

}  // namespace mydht
