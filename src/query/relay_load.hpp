#pragma once

#include <cstddef>
#include <map>
#include <memory>

#include "query/payer.hpp"

namespace mydht::detail {

struct forwarding_state;

/// What the queries of others hold of this node while they are under way, and whose they are. A plain value.
class relay_load {
public:
    /// One neighbour's queries hold one part in so many of the bytes, and those of one network prefix, of the queries
    /// too.
    static constexpr std::size_t parts_of_neighbour = 4;
    static constexpr std::size_t parts_of_prefix = 2;

    explicit relay_load(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    [[nodiscard]] std::size_t queries() const noexcept { return queries_; }
    [[nodiscard]] std::size_t queries_of(const node_id& neighbour) const;
    [[nodiscard]] std::size_t queries_of_prefix(const bytes& prefix) const;
    [[nodiscard]] std::size_t bytes_under_way() const noexcept { return bytes_; }

    /// There is room for so many bytes more of a query that holds `own` bytes. One alone has room for anything: the
    /// only one of all, and of its neighbour or prefix when there is room among all.
    [[nodiscard]] bool has_room(const payer& whose, std::size_t bytes, std::size_t own) const;

    void begin(const payer& whose);
    void add(const payer& whose, std::size_t bytes);
    /// A query ends that holds so many bytes.
    void end(const payer& whose, std::size_t bytes);

private:
    struct share {
        std::size_t queries = 0;
        std::size_t bytes = 0;
    };

    std::size_t bytes_max_;
    std::size_t queries_ = 0;
    std::size_t bytes_ = 0;
    std::map<node_id, share> neighbours_;
    std::map<bytes, share> prefixes_;
};

/// A query of a peer that is under way, for as long as it is. Its coroutine may be destroyed after the node.
class query_place {
public:
    /// `weight`: the bytes that it comes with.
    query_place(std::shared_ptr<forwarding_state> in, payer whose, std::size_t weight);
    query_place(const query_place&) = delete;
    query_place& operator=(const query_place&) = delete;
    ~query_place();

    /// So many bytes have come together for it so far. False when there is no room for them: then it should hold them
    /// no longer.
    [[nodiscard]] bool gathers(std::size_t bytes);

private:
    std::shared_ptr<forwarding_state> in_;
    payer whose_;
    std::size_t weight_;
    std::size_t gathered_ = 0;
};

}  // namespace mydht::detail
