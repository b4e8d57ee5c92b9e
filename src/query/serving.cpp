#include "query/serving.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <utility>
#include <variant>

#include <mydht/core/application_error.hpp>
#include <mydht/crypto/hash.hpp>
#include <mydht/crypto/service_request.hpp>
#include <mydht/runtime/task_group.hpp>

#include "query/request_run.hpp"

namespace mydht::detail {

namespace {

/// How long a request that is not sealed is known beyond its time, and a reply is kept: it may still be on its way
/// elsewhere.
constexpr auto margin = std::chrono::seconds(10);
/// A sealed request runs on for so long when nobody waits for it: who brought it first may be somebody who wants it
/// unanswered, and others bring it, too.
constexpr auto patience = std::chrono::seconds(5);
/// One part in so many of a sealed request's time is left to its reply.
constexpr int parts_for_reply = 8;

service_reply reply_of(reply_outcome outcome, std::uint32_t code = 0) {
    service_reply out;
    out.outcome = outcome;
    out.code = code;
    return out;
}

/// One of the requests that run; none when there are too many.
class running_request {
public:
    running_request(std::shared_ptr<forwarding_state> in, const node_id& through)
        : in_(std::move(in)), through_(through) {
        const auto& rules = in_->book.rules();
        const auto known = in_->requests_by_peer.find(through_);
        const bool greedy = known != in_->requests_by_peer.end() && known->second >= rules.requests_peer;
        taken_ = !greedy && in_->requests < rules.requests_max;
        if (!taken_) return;
        ++in_->requests;
        ++in_->requests_by_peer[through_];
    }
    running_request(const running_request&) = delete;
    running_request& operator=(const running_request&) = delete;
    ~running_request() {
        if (!taken_) return;
        --in_->requests;
        const auto own = in_->requests_by_peer.find(through_);
        if (--own->second == 0) in_->requests_by_peer.erase(own);
    }
    [[nodiscard]] bool taken() const noexcept { return taken_; }

private:
    std::shared_ptr<forwarding_state> in_;
    node_id through_;
    bool taken_ = false;
};

/// Waits for the reply to a request.
class waiting_place {
public:
    waiting_place(std::shared_ptr<time_source> time, std::shared_ptr<request_run> run)
        : time_(std::move(time)), run_(std::move(run)) {
        ++run_->waiting;
    }
    waiting_place(const waiting_place&) = delete;
    waiting_place& operator=(const waiting_place&) = delete;
    ~waiting_place() {
        if (--run_->waiting > 0) return;
        run_->left_at = time_->now();
        run_->changed.notify_all();
    }

private:
    std::shared_ptr<time_source> time_;
    std::shared_ptr<request_run> run_;
};

/// Ends a run, also when its coroutine is destroyed.
class run_end {
public:
    run_end(std::shared_ptr<forwarding_state> in, const id256& known_as, std::shared_ptr<request_run> run)
        : in_(std::move(in)), known_as_(known_as), run_(std::move(run)) {}
    run_end(const run_end&) = delete;
    run_end& operator=(const run_end&) = delete;
    ~run_end() {
        in_->runs.erase(known_as_);
        run_->over = true;
        run_->ended.notify_all();
    }

private:
    std::shared_ptr<forwarding_state> in_;
    id256 known_as_;
    std::shared_ptr<request_run> run_;
};

void says(request_run& run, service_reply what) {
    if (run.said) return;
    run.said = std::move(what);
    run.changed.notify_all();
}

task<> run_handler(task<result<bytes>> work, std::shared_ptr<request_run> run) {
    auto got = co_await std::move(work);
    service_reply out;
    if (!got || got->size() > limits::request_bytes) {
        out = reply_of(reply_outcome::failed, got ? 0 : application_code(got.error()));
    } else {
        out.body = std::move(*got);
    }
    says(*run, std::move(out));
}

/// Until when the handler may go on, as things are.
steady_time end_of(const request_run& run) {
    return run.waiting > 0 ? run.deadline : std::min<steady_time>(run.deadline, run.left_at + run.patience);
}

/// Runs the handler until its deadline, or until nobody has waited for a while, and keeps what it says.
task<> run_request(std::shared_ptr<forwarding_state> in, id256 known_as, std::shared_ptr<request_run> run,
                   std::shared_ptr<running_request> place, task<result<bytes>> work) {
    const run_end at_end(in, known_as, run);
    const auto held = std::move(place);
    task_group running(in->env.exec, [log = in->env.log, run](std::string_view name, const std::exception_ptr&) {
        log.write(log_level::error, "query", std::string(name) + " ended with an exception");
        says(*run, reply_of(reply_outcome::failed));
    });
    running.spawn("the handler of a request", run_handler(std::move(work), run));
    auto& time = *in->env.time;
    while (!run->said && time.now() < end_of(*run)) {
        [[maybe_unused]] const bool woken = co_await run->changed.wait_until(time, end_of(*run));
    }
    running.terminate();
    co_await running.join();
    run->payload = encode_reply(run->said ? *run->said : reply_of(reply_outcome::late));
    // Who comes later than late has nobody waiting for him either.
    if (run->said) in->answered.keep(known_as, *run->payload, time.now(), run->kept_until);
}

/// What is replied, unless the deadline comes first.
task<std::optional<bytes>> reply_to(std::shared_ptr<forwarding_state> in, std::shared_ptr<request_run> run,
                                    steady_time deadline) {
    const waiting_place here(in->env.time, run);
    while (!run->over) {
        const bool woken = co_await run->ended.wait_until(*in->env.time, deadline);
        if (!woken) break;
    }
    co_return run->over ? run->payload : std::nullopt;
}

/// A request as it came here, in words that this node can read.
struct asked_here {
    asked_here() {}

    id256 known_as;
    id256 question;
    std::optional<opened_request> opened;  // when it was sealed
    service_question what;
    steady_time known_until{};
    steady_time run_until{};
    steady_time kept_until{};
};

result<asked_here> read_request(const forwarding_state& in, const wire::forward& query, steady_time deadline) {
    const auto& asked = std::get<wire::request>(query.goal);
    const auto now = in.env.time->now();
    asked_here out;
    out.question = question_of(query.tag, asked.target, asked.service, asked.body);
    if (!asked.is_sealed()) {
        out.known_as = out.question;
        out.what.service = asked.service;
        out.what.body = asked.body;
        out.known_until = out.kept_until = now + query.lifetime + margin;
        out.run_until = deadline;
        return out;
    }
    const auto wall_now = in.env.time->wall_now();
    const auto most = in.book.lifetime_max(query.priority);
    auto opened = opened_request::open(*in.origin.self, query.tag, asked.body, wall_now, most, *in.env.secure_random);
    if (!opened) return failure(opened.error());
    out.opened = std::move(*opened);
    const auto& letter = out.opened->what();
    out.known_as = hash_id("mydht.answered", {letter.number.view()});
    out.what.service = letter.service;
    out.what.body = letter.body;
    // As long as it would still open.
    const auto left = letter.deadline - wall_now;
    out.known_until = now + left + limits::clock_skew_max;
    // Its own time, and not that of who brings it: they may have little.
    const auto own_time = std::min<duration>(left, most);
    const auto longest = std::max<duration>(deadline - now, own_time);
    out.run_until = now + longest * (parts_for_reply - 1) / parts_for_reply;
    out.kept_until = std::max<steady_time>(deadline, now + own_time) + margin;
    return out;
}

/// Begins to answer a request that is new, or says at once how it ends; nothing when it is not answered.
std::optional<bytes> begin_answer(const std::shared_ptr<forwarding_state>& in, asked_here& asked, const peer_info& from,
                                  std::shared_ptr<request_run>& run) {
    const auto now = in->env.time->now();
    const auto noted = in->answered.note(asked.known_as, in->meter.payer_of(from), now, asked.known_until);
    if (noted == answered_requests::verdict::again) {
        ++in->counts.requests_repeated;
        return {};
    }
    auto place = std::make_shared<running_request>(in, from.who.id);
    service_reply said;
    if (noted == answered_requests::verdict::full || !place->taken()) {
        ++in->counts.requests_refused;
        if (!asked.opened) return {};
        said = reply_of(reply_outcome::busy);
    } else if (!in->origin.serves || !in->origin.serves(asked.what.service)) {
        said = reply_of(reply_outcome::no_service);
    } else {
        ++in->counts.requests_answered;
        run = std::make_shared<request_run>();
        run->deadline = asked.run_until;
        run->kept_until = asked.kept_until;
        run->left_at = now;
        if (asked.opened) run->patience = patience;
        in->runs.emplace(asked.known_as, run);
        // In this same step, in which the service is there.
        auto work = in->origin.serve(std::move(asked.what));
        in->answering.spawn("a request", run_request(in, asked.known_as, run, std::move(place), std::move(work)));
        return {};
    }
    auto payload = encode_reply(said);
    in->answered.keep(asked.known_as, payload, now, asked.kept_until);
    return payload;
}

}  // namespace

task<answered_request> answer_request(std::shared_ptr<forwarding_state> in, const wire::forward& query, peer_info from,
                                      std::optional<public_key> collector, steady_time deadline) {
    answered_request out;
    auto asked = read_request(*in, query, deadline);
    if (!asked) {
        ++in->counts.requests_unopened;
        co_return out;
    }
    asked->what.collector = collector;
    std::optional<bytes> payload;
    std::shared_ptr<request_run> run;
    if (const auto running = in->runs.find(asked->known_as); running != in->runs.end()) {
        ++in->counts.requests_repeated;
        // Another peer may answer one that is for anybody.
        if (!asked->opened) co_return out;
        run = running->second;
    } else if (const auto* kept = in->answered.reply_to(asked->known_as, in->env.time->now())) {
        ++in->counts.requests_repeated;
        payload = *kept;
    } else {
        payload = begin_answer(in, *asked, from, run);
        out.begun = run != nullptr;
    }
    if (run) {
        auto waiting = reply_to(in, run, deadline);
        payload = co_await std::move(waiting);
        out.unfinished = !payload;
    }
    if (!payload) co_return out;
    if (asked->opened) {
        auto sealed = asked->opened->seal(*payload);
        if (!sealed) co_return out;
        payload = std::move(*sealed);
    }
    out.reply = sign_reply(*in->origin.self, asked->question, *payload);
    co_return out;
}

}  // namespace mydht::detail
