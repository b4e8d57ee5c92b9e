#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <mydht/routing/contact_list.hpp>

namespace mydht {

/// Whom a flat table prefers.
enum class flat_order : std::uint8_t {
    random,       ///< drawn anew for each query
    round_robin,  ///< each in turn, so that all are asked equally often
    declared,     ///< in the order of flat_table_config::declared, the others behind them as they joined
};

struct flat_table_config {
    contact_list_config list;
    flat_order order = flat_order::random;
    std::vector<node_id> declared;
};

/// Everybody that is known, whatever the distance: for tests, small groups, and networks in which who is connected to
/// whom is somebody's choice. A model of routing_table.
class flat_table : public contact_list {
public:
    /// The configuration must be valid (asserted).
    flat_table(const node_id& own, flat_table_config config);

    [[nodiscard]] std::vector<contact> preferred(const id256& target, std::size_t n, const contact_filter& accept,
                                                 prng& random);

private:
    void turn(std::vector<contact>& found, std::size_t n);
    void declared_first(std::vector<contact>& found) const;

    flat_order order_;
    std::vector<node_id> declared_;
    std::size_t turn_ = 0;
};

}  // namespace mydht
