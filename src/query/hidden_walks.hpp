#pragma once

#include <cstddef>

#include <mydht/query/forwarder.hpp>
#include <mydht/query/options.hpp>
#include <mydht/query/report.hpp>

#include "query/purposes.hpp"

namespace mydht::detail {

/// Whether a get is to be hidden, because its options say so, or the rules where they say nothing. errc::bad_argument
/// when it is, and its options ask for what would show the asker: nobody is shown by mistake.
[[nodiscard]] result<bool> is_hidden(const get_options& options, const travel_rules& rules);

/// Looks for a value by hidden walks of this node's own, under tags that nobody can count them by, some side by side,
/// until there is enough, or there were so many, or at the deadline. `into` and `via` must outlive it.
[[nodiscard]] task<lookup_report> walk_hidden(environment env, forwarder& via, id256 where, steady_time deadline,
                                              find_copies& into);

}  // namespace mydht::detail
