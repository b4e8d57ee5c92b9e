#pragma once

#include <string>
#include <system_error>

#include <mydht/query/report.hpp>

namespace mydht::tools {

/// A query that is over, to be shown.
struct traced_query {
    traced_query(const id256& target_, std::string mode_, bool travels_)
        : target(target_), mode(std::move(mode_)), travels(travels_) {}

    id256 target;
    std::string mode;
    bool travels;            ///< peers passed it on
    std::error_code error;   ///< why it found nothing
    bool retracted = false;  ///< what it found is the author's word that nothing is there any more
    bool whole_ids = false;
    lookup_report report;
};

/// A line about all of it, then one for each step below the one that named its peer: when it was sent, how long it
/// took, the peer and what it said. No line is longer than 100 characters, unless ids are whole.
[[nodiscard]] std::string tree_text(const traced_query& query);

/// The same as one line of JSON.
[[nodiscard]] std::string tree_json(const traced_query& query);

}  // namespace mydht::tools
