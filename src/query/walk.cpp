#include "query/walk.hpp"

#include <algorithm>
#include <cassert>
#include <exception>
#include <string>
#include <utility>

#include <mydht/query/shortlist.hpp>
#include <mydht/routing/address_filter.hpp>
#include <mydht/runtime/channel.hpp>
#include <mydht/runtime/task_group.hpp>

#include "query/refusal.hpp"
#include "query/step_log.hpp"

namespace mydht::detail {

namespace {

using contact_shortlist = shortlist<node_id, contact>;

/// An answer, or why there is none, on its way from the coroutine that asked to the walk.
struct arrival {
    arrival(contact from_, result<reply> answer_, steady_time asked_, step_log::number step_)
        : from(std::move(from_)), answer(std::move(answer_)), asked(asked_), step(step_) {}

    contact from;
    result<reply> answer;
    steady_time asked;
    step_log::number step;
};

/// Outlives a walk that is cancelled, until the last of its requests has ended.
struct mailbox {
    explicit mailbox(std::size_t capacity) : arrivals(capacity) {}
    channel<arrival> arrivals;
};

task<> ask_one(std::shared_ptr<messenger> via, contact to, wire::message question, steady_time now,
               steady_time deadline, step_log::number step, std::shared_ptr<mailbox> into) {
    auto answer = co_await via->ask(to, std::move(question), deadline);
    // There is room for every request that a walk can make.
    [[maybe_unused]] const bool taken = into->arrivals.try_send(arrival(std::move(to), std::move(answer), now, step));
    assert(taken);
}

lookup_failure failure_of(std::error_code error) {
    return error == errc::timed_out ? lookup_failure::timed_out : lookup_failure::unreachable;
}

shortlist_config shortlist_of(const query_config& config, const walk_options& options, const response_time& peers) {
    shortlist_config out;
    out.k = config.k;
    out.alpha = config.alpha;
    out.waiting_max = std::max(out.waiting_max, config.alpha);
    out.paths = options.paths;
    const duration soft = config.soft_timeout;
    out.soft_timeout = peers.limit(soft / 4, soft);
    out.hard_timeout =
        peers.limit(std::min<duration>(2 * config.soft_timeout, config.hard_timeout), config.hard_timeout);
    out.exempt_local = options.exempt_local;
    return out;
}

class walker {
public:
    walker(environment env, const shortlist_config& limits, std::shared_ptr<messenger> via, walk_options options,
           walk_purpose& purpose, response_time& peers)
        : env_(std::move(env)),
          via_(std::move(via)),
          deadline_(options.deadline),
          k_(limits.k),
          purpose_(purpose),
          peers_(peers),
          begun_(env_.time->now()),
          slow_(limits.soft_timeout),
          list_(options.target, options.self, std::move(options.seeds), limits),
          log_(steps_, begun_),
          box_(std::make_shared<mailbox>(limits.requests_max)),
          requests_(env_.exec, [log = env_.log](std::string_view name, const std::exception_ptr&) {
              log.write(log_level::error, "query", std::string(name) + " failed with an exception");
          }) {}

    task<lookup_report> run() {
        for (;;) {
            ask_whom_the_list_says();
            if (list_.finished() || env_.time->now() >= deadline_) break;
            auto until = deadline_;
            if (const auto wake = list_.next_wake()) until = std::min(until, *wake);
            auto got = co_await box_->arrivals.receive_until(*env_.time, until);
            if (got) take(std::move(*got));
        }
        requests_.terminate();
        co_await requests_.join();
        co_return report();
    }

private:
    void ask_whom_the_list_says() {
        const auto now = env_.time->now();
        while (auto request = list_.next(now)) {
            const auto until = std::min(deadline_, request->deadline);
            const auto step = log_.sent(request->to, request->named_by, now);
            requests_.spawn("a request of a walk",
                            ask_one(via_, std::move(request->to), purpose_.question(), now, until, step, box_));
        }
    }

    void take(arrival got) {
        if (const auto why = refusal_in(got.answer)) refusal_ = why;
        if (!got.answer) {
            if (got.answer.error() == errc::timed_out) peers_.timed_out();
            list_.on_failure(got.from, failure_of(got.answer.error()));
            log_.failed(got.step, got.answer.error(), env_.time->now());
            return;
        }
        peers_.answered(env_.time->now() - got.asked);
        std::vector<contact> heard;
        const auto results = results_in(got);
        const auto judged = purpose_.judge(got.from, got.answer->what, heard);
        note(got, judged, heard.size(), results);
        switch (judged) {
            case verdict::go_on:
            case verdict::enough:
                // Nobody makes us dial a network that it cannot see itself.
                for (auto& each : heard) filter_addresses(each, scope_of(got.answer->from));
                list_.on_answer(got.from, got.answer->from, heard);
                break;
            case verdict::invalid: list_.on_failure(got.from, lookup_failure::invalid); break;
            case verdict::failed: list_.on_failure(got.from, lookup_failure::unreachable); break;
        }
        if (judged == verdict::enough) {
            enough_ = true;
            list_.stop();
        }
    }

    /// Values in an answer; a peer that was looked for is found when it answers.
    [[nodiscard]] std::size_t results_in(const arrival& got) const {
        const auto* const values = std::get_if<wire::values>(&got.answer->what);
        return values != nullptr ? values->items.size() : got.from.id == list_.target() ? 1 : 0;
    }

    void note(const arrival& got, verdict judged, std::size_t contacts, std::size_t results) {
        using ending = query_step::ending;
        auto how = results > 0 ? ending::found : ending::answered;
        if (judged == verdict::invalid) how = ending::invalid;
        if (judged == verdict::failed) how = ending::refused;
        const auto now = env_.time->now();
        auto* const step = log_.answered(got.step, how, got.answer->from, now);
        if (step == nullptr || how == ending::invalid || how == ending::refused) return;
        step->contacts = contacts;
        step->results = results;
        step->late = now - got.asked > slow_;
    }

    lookup_report report() {
        const auto& counts = list_.report();
        lookup_report out;
        out.asked = counts.asked;
        out.answered = counts.answered;
        out.timed_out = counts.timed_out;
        out.failed = counts.unreachable;
        out.invalid = counts.invalid;
        out.hops = counts.hops;
        out.refusal = refusal_;
        out.took = env_.time->now() - begun_;
        // What the walk's own deadline cut off has not said no.
        out.exhausted = list_.finished() && !enough_ && env_.time->now() < deadline_;
        out.closest = list_.closest(k_);
        out.steps = std::move(steps_);
        return out;
    }

    environment env_;
    std::shared_ptr<messenger> via_;
    steady_time deadline_;
    std::size_t k_;
    walk_purpose& purpose_;
    response_time& peers_;
    steady_time begun_;
    duration slow_;
    contact_shortlist list_;
    std::vector<query_step> steps_;
    step_log log_;
    std::shared_ptr<mailbox> box_;
    task_group requests_;
    std::error_code refusal_;
    bool enough_ = false;
};

}  // namespace

task<lookup_report> walk(environment env, const query_config& config, std::shared_ptr<messenger> via,
                         walk_options options, walk_purpose& purpose, response_time& peers) {
    const auto limits = shortlist_of(config, options, peers);
    walker w(std::move(env), limits, std::move(via), std::move(options), purpose, peers);
    auto report = co_await w.run();
    co_return report;
}

}  // namespace mydht::detail
