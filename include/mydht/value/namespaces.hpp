#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include <mydht/core/result.hpp>
#include <mydht/value/value.hpp>

namespace mydht {

/// What an application demands of the values in its namespace. Both functions judge what strangers sent: they must not
/// throw, and they must answer the same on every node, or replicas disagree.
struct namespace_rules {
    /// Success to accept; errc::invalid_value is the usual refusal. Accepts everything when empty.
    /// Tombstones are not asked about: an author may always delete.
    std::function<result<void>(const value&)> validate;
    /// The index of the value that a get returns, out of at least one, none of them deleted. The order of values
    /// decides when this is empty or the index out of range.
    std::function<std::size_t(std::span<const value>)> select;
};

/// The namespaces that a node knows. The default namespace, with the empty name, is always among them and accepts
/// everything. Asked on every store and on every get. Fill it before the node starts.
class namespaces {
public:
    namespaces();

    /// Errors: errc::too_large for a name over limits::namespace_bytes, errc::bad_argument for one that is there
    /// already.
    [[nodiscard]] result<void> add(std::string name, namespace_rules rules);

    [[nodiscard]] bool knows(std::string_view name) const;

    /// Asks the rules of the value's namespace. Errors: errc::unknown_namespace, or what the rules refuse with.
    [[nodiscard]] result<void> validate(const value& v) const;

    /// The index of the winner among validated values of one key: of those newer than every tombstone, the one that the
    /// rules of the newest one's namespace choose; the newest tombstone when there are none. `candidates` must not be
    /// empty.
    [[nodiscard]] std::size_t select(std::span<const value> candidates) const;

private:
    std::map<std::string, namespace_rules, std::less<>> rules_;
};

}  // namespace mydht
