#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/runtime/deadline.hpp>
#include <mydht/transport/conformance.hpp>

#include "transport/conformance_notes.hpp"

// How the checks of a conformance suite are run, whatever they are about.
namespace mydht::detail {

/// An address of a kind that is not the transport's.
[[nodiscard]] inline address other_kind(address_kind kind) {
    return address::ipv4(kind == address_kind::udp ? address_kind::tcp : address_kind::udp, {127, 0, 0, 1}, 9);
}

inline task<result<void>> as_outcome(task<> check) {
    co_await std::move(check);
    co_return result<void>();
}

/// One check on a fresh `Scene`: a class on top of conformance_notes, made of a Subject that it keeps as `subject`,
/// whose close_all() ends whatever still waits.
template <typename Scene, typename Subject, task<> (*Check)(std::shared_ptr<Scene>)>
task<std::vector<std::string>> run_check_on(Subject subject) {
    auto s = std::make_shared<Scene>(std::move(subject));
    auto& time = *s->subject.env.time;
    const auto deadline = time.now() + s->subject.patience;
    const auto ended = co_await with_deadline(time, deadline, as_outcome(Check(s)));
    s->expect_success(ended, "the check as a whole");
    s->close_all();
    s->group().terminate();
    co_await s->group().join();
    co_return s->findings();
}

/// All checks, one after the other.
template <typename Check, typename Subject>
task<conformance_report> run_all(std::span<const Check> checks, Subject subject) {
    conformance_report report;
    for (const auto& check : checks) {
        const auto findings = co_await check.run(subject);
        ++(findings.empty() ? report.passed : report.failed);
        for (const auto& finding : findings) report.findings.push_back(std::string(check.name) + ": " + finding);
    }
    co_return std::move(report);
}

}  // namespace mydht::detail
