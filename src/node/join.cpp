// How a node enters the network, and enters it again when it was left alone.

#include <algorithm>
#include <string>

#include <mydht/routing/table_file.hpp>
#include <mydht/runtime/run_on.hpp>
#include <mydht/transport/resolve.hpp>

#include "node/node_core.hpp"

namespace mydht::detail {

namespace {

/// Contacts of the last run that are tried at a start: enough that some are still there, few enough to be quick.
constexpr std::size_t saved_contacts_tried = 32;

/// Keeps two joins from running side by side.
class counted_join {
public:
    explicit counted_join(std::size_t& joins) : joins_(joins) { ++joins_; }
    counted_join(const counted_join&) = delete;
    counted_join& operator=(const counted_join&) = delete;
    ~counted_join() { --joins_; }

private:
    std::size_t& joins_;
};

}  // namespace

/// Attempts to enter that run side by side, and who waits for the last of them. Shared, since the wait may be
/// cancelled.
struct node_core::entering {
    join_report report;
    std::size_t left = 0;
};

/// One of the attempts, however it ends: also when it is cancelled, or never begins because the node stops.
class node_core::entry_ticket {
public:
    entry_ticket(std::shared_ptr<node_core> core, std::shared_ptr<entering> into)
        : core_(std::move(core)), into_(std::move(into)) {
        ++into_->left;
    }
    entry_ticket(entry_ticket&&) = default;
    entry_ticket& operator=(entry_ticket&&) = delete;
    ~entry_ticket() {
        if (into_ && --into_->left == 0) core_->join_ended_.notify_all();
    }

    [[nodiscard]] join_report& report() const { return into_->report; }

private:
    std::shared_ptr<node_core> core_;
    std::shared_ptr<entering> into_;
};

/// A peer that does not let this node in says so behind the handshake only: a link that an answer came over, or that
/// stands without one, is a way in.
task<result<void>> node_core::let_in_over(session link, steady_time deadline) {
    wire::ping question;
    const auto until = std::min<steady_time>(deadline, env_.time->now() + config_.queries.hard_timeout);
    const auto answer = co_await link.request(question, until);
    if (answer || link.open()) co_return result<void>();
    co_return failure(answer.error());
}

task<> node_core::enter_through(location where, steady_time deadline, entry_ticket ticket) {
    const auto text = where.text();
    auto found = co_await resolve(env_, where);
    std::error_code why = found ? std::error_code{} : found.error();
    bool reached = false;
    if (found) {
        for (const auto& each : *found) {
            const auto link = co_await pool_.connect_to(each, where.pinned, deadline);
            if (!link) {
                why = link.error();
                continue;
            }
            const auto in = co_await let_in_over(*link, deadline);
            if (in) {
                neighbours_.proved(link->peer());
                reached = true;
                break;
            }
            why = in.error();
        }
    }
    if (reached) {
        ++ticket.report().reached;
    } else {
        ticket.report().error = why;
        log(log_level::warning, "bootstrap " + text + " was not reached: " + why.message());
    }
}

task<> node_core::enter_through_saved(contact who, steady_time deadline, entry_ticket ticket) {
    const auto link = co_await pool_.connect(std::move(who), deadline);
    if (!link) co_return;
    const auto in = co_await let_in_over(*link, deadline);
    if (!in) co_return;
    neighbours_.proved(link->peer());
    ++ticket.report().reached;
}

task<result<std::vector<contact>>> node_core::saved_contacts() {
    std::vector<contact> out;
    if (!config_.table_file) co_return out;
    std::function<result<saved_table>()> load = [path = *config_.table_file] { return load_table(path); };
    auto loaded = co_await offload<result<saved_table>>(env_.workers, std::move(load));
    if (!loaded) {
        if (loaded.error() == errc::table_file_foreign) co_return failure(loaded.error());
        // The first start has no file yet.
        if (loaded.error() == errc::table_file_damaged) {
            log(log_level::warning, "table file " + config_.table_file->string() + " is damaged and will be replaced");
        }
        co_return out;
    }
    for (auto& each : loaded->contacts) {
        if (out.size() == saved_contacts_tried) break;
        out.push_back(std::move(each.who));
    }
    co_return out;
}

task<join_report> node_core::join(std::vector<contact> saved) {
    const auto deadline = env_.time->now() + config_.join_timeout;
    const counted_join running(joins_);
    const auto attempts = std::make_shared<entering>();
    attempts->report.bootstraps = config_.bootstrap.size() + saved.size();
    for (const auto& each : config_.bootstrap) {
        background_.spawn("entering through a bootstrap",
                          enter_through(each, deadline, entry_ticket(shared_from_this(), attempts)));
    }
    for (auto& each : saved) {
        background_.spawn("entering through a contact",
                          enter_through_saved(std::move(each), deadline, entry_ticket(shared_from_this(), attempts)));
    }
    while (attempts->left > 0 && phase_ == phase::running) {
        const bool woken = co_await join_ended_.wait_until(*env_.time, deadline);
        if (!woken) break;
    }
    // A client is asked nothing, so it needs no table beyond what its own queries bring.
    if (!table_.empty() && keeps_values()) co_await fill_table(deadline);
    attempts->report.contacts = table_.size();
    ways_in_wanted_.notify_all();
    co_return attempts->report;
}

/// A lookup of the own id finds the neighbours and makes the node known to them (Kademlia, section 2.3); the table
/// knows which others would help it.
task<> node_core::fill_table(steady_time deadline) {
    const auto around = co_await queries_.lookup(self_->id(), 1, deadline);
    table_.note_lookup(self_->id(), env_.time->now());
    if (!around || around->closest.empty()) co_return;
    std::size_t step = 0;
    while (const auto more = table_.fill(step, around->closest.back().id, *env_.random)) {
        co_await look_up(more->target, deadline);
        step = more->next;
    }
}

task<> node_core::look_up(id256 target, steady_time deadline) {
    table_.note_lookup(target, env_.time->now());
    // Its answers have entered the table on the way; nobody reads the report.
    [[maybe_unused]] const auto found = co_await queries_.lookup(target, 1, deadline);
}

task<> node_core::keep_joining() {
    duration pause = config_.bootstrap_retry_min;
    for (;;) {
        co_await sleep_for(*env_.time, jittered(pause));
        if (joins_ > 0) continue;
        // Contacts that have all turned bad are no network either.
        if (table_.good_size() > 0 || (config_.bootstrap.empty() && !config_.table_file)) {
            pause = config_.bootstrap_retry_min;
            co_await sleep_for(*env_.time, config_.upkeep_interval);
            continue;
        }
        auto saved = co_await saved_contacts();
        if (!saved) saved.emplace();
        const auto again = co_await join(std::move(*saved));
        if (again.reached > 0) log(log_level::info, "joined with " + std::to_string(again.contacts) + " contacts");
        pause = std::min<duration>(pause * 2, config_.bootstrap_retry_max);
    }
}

}  // namespace mydht::detail
