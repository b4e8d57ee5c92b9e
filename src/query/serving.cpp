#include "query/serving.hpp"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>
#include <variant>

#include <mydht/core/application_error.hpp>
#include <mydht/crypto/hash.hpp>
#include <mydht/crypto/service_request.hpp>
#include <mydht/runtime/channel.hpp>
#include <mydht/runtime/task_group.hpp>

namespace mydht::detail {

namespace {

/// How long a request that is not sealed is known beyond its time: it may still be on its way elsewhere.
constexpr auto margin = std::chrono::seconds(10);

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

/// Where a handler leaves its word; it may outlive who waits for it.
struct word {
    word() : said(1) {}
    channel<service_reply> said;
};

task<> run_handler(task<result<bytes>> work, std::shared_ptr<word> into) {
    auto got = co_await std::move(work);
    service_reply out;
    if (!got || got->size() > limits::request_bytes) {
        out = reply_of(reply_outcome::failed, got ? 0 : application_code(got.error()));
    } else {
        out.body = std::move(*got);
    }
    (void)into->said.try_send(std::move(out));
}

/// What the handler says until the deadline.
task<service_reply> reply_by(std::shared_ptr<forwarding_state> in, task<result<bytes>> work, steady_time deadline) {
    const auto into = std::make_shared<word>();
    task_group running(in->env.exec, [log = in->env.log, into](std::string_view name, const std::exception_ptr&) {
        log.write(log_level::error, "query", std::string(name) + " ended with an exception");
        (void)into->said.try_send(reply_of(reply_outcome::failed));
    });
    running.spawn("the handler of a request", run_handler(std::move(work), into));
    auto said = co_await into->said.receive_until(*in->env.time, deadline);
    running.terminate();
    co_await running.join();
    if (!said) co_return reply_of(reply_outcome::late);
    co_return std::move(*said);
}

}  // namespace

task<std::optional<item>> answer_request(std::shared_ptr<forwarding_state> in, const wire::forward& query,
                                         peer_info from, std::optional<public_key> collector, steady_time deadline) {
    const auto& asked = std::get<wire::request>(query.goal);
    const auto now = in->env.time->now();
    const auto wall_now = in->env.time->wall_now();
    auto until = now + query.lifetime + margin;
    service_question what;
    what.collector = collector;
    std::optional<opened_request> opened;
    if (asked.is_sealed()) {
        auto done = opened_request::open(*in->origin.self, query.tag, asked.body, wall_now,
                                         in->book.lifetime_max(query.priority), *in->env.secure_random);
        if (!done) ++in->counts.requests_unopened;
        if (!done) co_return std::nullopt;
        opened = std::move(*done);
        what.service = opened->what().service;
        what.body = opened->what().body;
        // As long as it would still open.
        until = now + (opened->what().deadline - wall_now) + limits::clock_skew_max;
    } else {
        what.service = asked.service;
        what.body = asked.body;
    }
    const auto question = question_of(query.tag, asked.target, asked.service, asked.body);
    const auto known_as = opened ? hash_id("mydht.answered", {opened->what().number.view()}) : question;
    const auto noted = in->answered.note(known_as, now, until);
    if (noted == answered_requests::verdict::again) {
        ++in->counts.requests_repeated;
        co_return std::nullopt;
    }
    const running_request place(in, from.who.id);
    service_reply said;
    if (noted == answered_requests::verdict::full || !place.taken()) {
        ++in->counts.requests_refused;
        if (!opened) co_return std::nullopt;
        said = reply_of(reply_outcome::busy);
    } else if (!in->origin.serves || !in->origin.serves(what.service)) {
        said = reply_of(reply_outcome::no_service);
    } else {
        ++in->counts.requests_answered;
        // In this same step, in which the service is there.
        auto work = in->origin.serve(std::move(what));
        auto answering = reply_by(in, std::move(work), deadline);
        said = co_await std::move(answering);
    }
    auto payload = encode_reply(said);
    if (opened) {
        auto sealed = opened->seal(payload);
        if (!sealed) co_return std::nullopt;
        payload = std::move(*sealed);
    }
    co_return sign_reply(*in->origin.self, question, payload);
}

}  // namespace mydht::detail
