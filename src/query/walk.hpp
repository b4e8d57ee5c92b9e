#pragma once

#include <memory>
#include <vector>

#include <mydht/query/messenger.hpp>
#include <mydht/query/query_config.hpp>
#include <mydht/query/report.hpp>
#include <mydht/query/response_time.hpp>
#include <mydht/runtime/environment.hpp>

namespace mydht::detail {

/// What a walk makes of one answer.
enum class verdict : std::uint8_t {
    go_on,    ///< a good answer; the walk goes on to who it names
    enough,   ///< a good answer, and the walk may end
    invalid,  ///< nobody may answer so
    failed,   ///< the peer refused
};

/// What one kind of walk asks, and how it judges the answers. Lives as long as the walk.
class walk_purpose {
public:
    walk_purpose() = default;
    walk_purpose(const walk_purpose&) = delete;
    walk_purpose& operator=(const walk_purpose&) = delete;
    virtual ~walk_purpose() = default;

    [[nodiscard]] virtual wire::message question() const = 0;

    /// `heard` is filled with the contacts that the answer names.
    [[nodiscard]] virtual verdict judge(const contact& from, wire::message& answer, std::vector<contact>& heard) = 0;
};

struct walk_options {
    walk_options(id256 target_, node_id self_, steady_time deadline_)
        : target(target_), self(self_), deadline(deadline_) {}

    id256 target;
    node_id self;  ///< is never asked
    steady_time deadline;
    std::size_t paths = 1;
    bool exempt_local = false;
    std::vector<contact> seeds;
};

/// Asks nearer and nearer peers until the nearest have answered, the purpose has enough, or the deadline comes.
/// Requests still under way are taken back then. A peer that does not answer has failed as soon as `peers` says, which
/// learns from the answers. Throws the cancellation when cancelled; its requests end soon after.
[[nodiscard]] task<lookup_report> walk(environment env, const query_config& config, std::shared_ptr<messenger> via,
                                       walk_options options, walk_purpose& purpose, response_time& peers);

}  // namespace mydht::detail
