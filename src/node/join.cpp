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

}  // namespace

/// Attempts to enter that run side by side, and who waits for the last of them. Shared, since the wait may be cancelled.
struct node_core::entering {
    join_report report;
    std::size_t left = 0;
    wait_queue ended;
};

task<> node_core::enter_through(location where, steady_time deadline, std::shared_ptr<entering> into) {
    const auto text = where.text();
    auto found = co_await resolve(env_, where);
    std::error_code why = found ? std::error_code{} : found.error();
    bool reached = false;
    if (found) {
        for (const auto& each : *found) {
            auto link = co_await pool_.connect_to(each, where.pinned, deadline);
            if (link) {
                neighbours_.proved(link->peer());
                reached = true;
                break;
            }
            why = link.error();
        }
    }
    if (reached) {
        ++into->report.reached;
    } else {
        into->report.error = why;
        log(log_level::warning, "bootstrap " + text + " was not reached: " + why.message());
    }
    if (--into->left == 0) into->ended.notify_all();
}

task<> node_core::enter_through_saved(contact who, steady_time deadline, std::shared_ptr<entering> into) {
    auto link = co_await pool_.connect(std::move(who), deadline);
    if (link) {
        neighbours_.proved(link->peer());
        ++into->report.reached;
    }
    if (--into->left == 0) into->ended.notify_all();
}

task<std::vector<contact>> node_core::saved_contacts() {
    std::vector<contact> out;
    if (!config_.table_file) co_return out;
    std::function<result<saved_table>()> load = [path = *config_.table_file] { return load_table(path); };
    auto loaded = co_await offload<result<saved_table>>(env_.workers, std::move(load));
    if (!loaded) {
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

task<join_report> node_core::join() {
    const auto deadline = env_.time->now() + config_.join_timeout;
    auto saved = co_await saved_contacts();
    const auto attempts = std::make_shared<entering>();
    attempts->left = config_.bootstrap.size() + saved.size();
    attempts->report.bootstraps = attempts->left;
    for (const auto& each : config_.bootstrap) {
        background_.spawn("entering through a bootstrap", enter_through(each, deadline, attempts));
    }
    for (auto& each : saved) {
        background_.spawn("entering through a contact", enter_through_saved(std::move(each), deadline, attempts));
    }
    while (attempts->left > 0) {
        const bool woken = co_await attempts->ended.wait_until(*env_.time, deadline);
        if (!woken) break;
    }
    // A client is asked nothing, so it needs no table beyond what its own queries bring.
    if (!table_.empty() && keeps_values()) co_await fill_table(deadline);
    attempts->report.contacts = table_.size();
    co_return attempts->report;
}

/// The join of Kademlia (section 2.3): a lookup of the own id finds the neighbours and makes the node known to them; one in each
/// farther bucket that has room finds the rest.
task<> node_core::fill_table(steady_time deadline) {
    const auto around = co_await queries_.lookup(self_->id(), 1, deadline);
    table_.note_lookup(self_->id(), env_.time->now());
    if (!around || around->closest.empty()) co_return;
    // Beyond the farthest neighbour nothing is left to be found.
    const auto deepest = table_.bucket_of(around->closest.back().id);
    for (std::size_t index = 0; index < deepest && index < table_.bucket_count(); ++index) {
        if (table_.bucket_size(index) >= table_.config().k) continue;
        co_await refresh_bucket(index, deadline);
    }
}

task<> node_core::refresh_bucket(std::size_t index, steady_time deadline) {
    const auto target = table_.random_id_in(index, *env_.random);
    table_.note_lookup(target, env_.time->now());
    // Its answers have entered the table on the way; nobody reads the report.
    [[maybe_unused]] const auto found = co_await queries_.lookup(target, 1, deadline);
}

task<> node_core::keep_joining() {
    duration pause = config_.bootstrap_retry_min;
    for (;;) {
        co_await sleep_for(*env_.time, jittered(pause));
        if (!table_.empty() || (config_.bootstrap.empty() && !config_.table_file)) {
            pause = config_.bootstrap_retry_min;
            co_await sleep_for(*env_.time, config_.upkeep_interval);
            continue;
        }
        const auto again = co_await join();
        if (again.reached > 0) log(log_level::info, "joined with " + std::to_string(again.contacts) + " contacts");
        pause = std::min<duration>(pause * 2, config_.bootstrap_retry_max);
    }
}

}  // namespace mydht::detail
