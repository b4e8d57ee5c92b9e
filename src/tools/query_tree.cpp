#include "tools/query_tree.hpp"

#include <algorithm>
#include <vector>

#include "tools/json.hpp"
#include "tools/output.hpp"

namespace mydht::tools {

namespace {

using ending = query_step::ending;

constexpr std::size_t line_max = 100;
/// What stands deeper is drawn at this depth: whoever names one peer after the other cannot push the tree out of the
/// window.
constexpr std::size_t depth_max = 6;
constexpr std::size_t shown_of_id = 8;

std::string id_text(const id256& id, const traced_query& in) {
    return in.whole_ids ? id.hex() : id.hex().substr(0, shown_of_id);
}

std::string right(const std::string& text, std::size_t width) {
    return std::string(width - std::min(width, text.size()), ' ') + text;
}

std::string name_of(ending how) {
    switch (how) {
        case ending::waiting: break;
        case ending::answered: return "answered";
        case ending::found: return "found";
        case ending::seen_before: return "seen_before";
        case ending::refused: return "refused";
        case ending::silent: return "silent";
        case ending::unreachable: return "unreachable";
        case ending::invalid: return "invalid";
        case ending::brought: return "brought";
    }
    return "waiting";
}

/// What the peer said, in words.
std::string words_of(const query_step& step, bool travels) {
    const auto brought = step.delivered == 0 ? std::string() : ", " + std::to_string(step.delivered) + " brought";
    const auto named = "named " + std::to_string(step.contacts);
    switch (step.how) {
        case ending::waiting: break;
        case ending::answered: return travels ? "found nothing" : (step.late ? "late, " : "") + named;
        case ending::found:
            if (travels) return "found " + std::to_string(step.results) + brought;
            return (step.late ? "late, " : "") + std::string("found 1, ") + named;
        case ending::seen_before: return "had seen the query";
        case ending::refused: return "refused";
        case ending::silent: return "silent";
        case ending::unreachable: return "not reached";
        case ending::invalid: return "invalid answer";
        case ending::brought: return "brought it here";
    }
    if (step.delivered > 0) return "brought " + std::to_string(step.delivered) + " before any answer";
    return "no answer when it was over";
}

class drawing {
public:
    explicit drawing(const traced_query& query)
        : query_(query), walks_(query.mode == "hidden"), below_(query.report.steps.size()) {
        const auto& steps = query.report.steps;
        for (std::size_t i = 0; i < steps.size(); ++i) {
            const auto& above = steps[i].named_by;
            (above && *above < i ? below_[*above] : roots_).push_back(i);
        }
    }

    std::string text() {
        out_ = " sent ms  took ms\n";
        std::size_t round = 0;
        for (const auto each : roots_) {
            const auto& step = query_.report.steps[each];
            if (step.round != round && !walks_)
                out_ += std::string(19, ' ') + "round " + std::to_string(step.round + 1) + "\n";
            round = step.round;
            draw(each, 0);
        }
        return std::move(out_);
    }

private:
    void draw(std::size_t index, std::size_t depth) {
        const auto& step = query_.report.steps[index];
        const auto came = step.ended ? step.ended : step.first;
        const auto took = came ? fixed(milliseconds_of(*came - step.sent), 1) : "-";
        auto line = right(fixed(milliseconds_of(step.sent), 1), 8) + right(took, 9) + "  ";
        for (std::size_t i = 0; i < std::min(depth, depth_max); ++i) line += "|  ";
        line += "|- " + id_text(step.peer, query_) + "  " + words_of(step, query_.travels);
        if (walks_) line += ", walk " + std::to_string(step.round + 1);
        if (depth > depth_max) line += ", by " + id_text(query_.report.steps[*step.named_by].peer, query_);
        if (!step.where.empty()) {
            const auto where = "  " + step.where.text();
            if (query_.whole_ids || line.size() + where.size() <= line_max) line += where;
        }
        out_ += line + "\n";
        for (const auto each : below_[index]) draw(each, depth + 1);
    }

    const traced_query& query_;
    bool walks_;  // of a hidden get, which are many, and of one step each as its asker sees them
    std::vector<std::vector<std::size_t>> below_;
    std::vector<std::size_t> roots_;
    std::string out_;
};

std::string summary_of(const traced_query& query) {
    const auto& report = query.report;
    const auto* came = query.retracted ? ": retracted, seen" : query.error ? ": nothing" : ": found";
    auto out = id_text(query.target, query) + ", " + query.mode + came + " after " +
               fixed(milliseconds_of(report.took), 1) + " ms, " + std::to_string(report.asked) + " asked, " +
               std::to_string(report.answered) + " answered";
    const auto add = [&out](std::size_t count, const char* what) {
        if (count > 0) out += ", " + std::to_string(count) + what;
    };
    add(report.timed_out, " silent");
    add(report.failed, " not reached or refused");
    add(report.invalid, " invalid");
    return out + "\n";
}

json_object object_of(const query_step& step) {
    json_object out;
    out.text("peer", step.peer.hex()).number("round", step.round + 1).text("outcome", name_of(step.how));
    if (!step.where.empty()) out.text("address", step.where.text());
    if (step.named_by) out.number("named_by", *step.named_by);
    out.decimal("sent_ms", milliseconds_of(step.sent));
    if (step.first) out.decimal("first_ms", milliseconds_of(*step.first));
    if (step.ended) out.decimal("ended_ms", milliseconds_of(*step.ended));
    out.number("contacts", step.contacts).number("results", step.results).number("delivered", step.delivered);
    return out.flag("late", step.late);
}

}  // namespace

std::string tree_text(const traced_query& query) {
    const auto whole = summary_of(query);
    return query.report.steps.empty() ? whole : whole + drawing(query).text();
}

std::string tree_json(const traced_query& query) {
    const auto& report = query.report;
    std::vector<json_object> steps(report.steps.size());
    std::ranges::transform(report.steps, steps.begin(), object_of);
    json_object out;
    out.text("target", query.target.hex()).text("mode", query.mode).flag("found", !query.error);
    if (query.retracted) out.flag("retracted", true);
    if (query.error) out.text("error", query.error.message());
    out.decimal("took_ms", milliseconds_of(report.took));
    out.number("asked", report.asked).number("answered", report.answered).number("silent", report.timed_out);
    out.number("failed", report.failed).number("invalid", report.invalid).list("steps", steps);
    return out.line();
}

}  // namespace mydht::tools
