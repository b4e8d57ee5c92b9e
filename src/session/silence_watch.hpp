#pragma once

#include <algorithm>
#include <chrono>

#include <mydht/core/time.hpp>

namespace mydht::detail {

/// Finds out whether a peer that something is to come from is still there. Of a session at rest nothing is to come, and
/// it is not watched, so keep-alive costs it nothing. No I/O:
///
///     watch.heard(now) when anything comes;
///     if (watch.begin(now)) arm an alarm for next();    when something is to come
///     when it fires: watch.stop() when nothing is to come any more, or do what watch.look() says.
class silence_watch {
public:
    enum class verdict {
        wait,  ///< nothing to do before next()
        ask,   ///< ask the peer for a sign
        gone,  ///< it gave none in time
    };

    /// `insists_after`: a peer that has owed a sign for so long is asked often, where questions and answers may be
    /// lost.
    silence_watch(bool dialler, steady_time now, duration insists_after = duration::max()) noexcept
        : heard_at_(now), insists_after_(insists_after), dialler_(dialler) {}

    void heard(steady_time at) noexcept {
        heard_at_ = at;
        expects_since_ = never;
    }
    [[nodiscard]] steady_time heard_at() const noexcept { return heard_at_; }

    /// Something that the peer answers at once was sent. May change next().
    void expect(steady_time at) noexcept {
        if (expects_since_ != never) return;
        expects_since_ = at;
        look_at_ = std::min(look_at_, insists_from());
    }

    /// Something is to come. True when next() has changed.
    [[nodiscard]] bool begin(steady_time now) noexcept {
        if (look_at_ != never) return false;
        look_at_ = now + silence_max();
        return true;
    }
    /// Nothing is to come.
    void stop() noexcept {
        look_at_ = never;
        expects_since_ = never;
    }

    /// `patience`: how long a peer may owe a sign.
    [[nodiscard]] verdict look(steady_time now, duration patience) noexcept {
        if (expects_since_ != never && now - expects_since_ >= patience) return verdict::gone;
        if (now < look_at_) return verdict::wait;
        if (const auto due = std::min(heard_at_ + silence_max(), insists_from()); now < due) {
            look_at_ = due;
            return verdict::wait;
        }
        expect(now);
        look_at_ = now < insists_from() ? std::min(now + step, insists_from()) : now + last_step;
        return verdict::ask;
    }
    /// The same for a side that could not have heard anything, and so cannot judge: `ask` once in a while, never
    /// `gone`.
    [[nodiscard]] verdict look_unheard(steady_time now) noexcept {
        if (now < look_at_) return verdict::wait;
        heard(now);
        look_at_ = now + silence_max();
        return verdict::ask;
    }
    /// When look() is due; steady_time::max() for never.
    [[nodiscard]] steady_time next() const noexcept { return look_at_; }

private:
    static constexpr auto never = steady_time::max();
    /// A peer is asked after so long a silence, and then in these steps. The side that was dialled lets the other one
    /// begin.
    static constexpr duration silence_of_dialler = std::chrono::seconds(15);
    static constexpr duration step = std::chrono::seconds(3);
    /// In these when it is insisted, so that losses do not look like an end. Where of each five packets one is lost,
    /// both ways, ten such questions within ten seconds, and what is asked again in twice that time (eight times at
    /// least), all go unanswered once in 10^8 times.
    static constexpr duration last_step = std::chrono::seconds(1);

    [[nodiscard]] duration silence_max() const noexcept {
        return dialler_ ? silence_of_dialler : silence_of_dialler + step;
    }

    [[nodiscard]] steady_time insists_from() const noexcept {
        return expects_since_ == never || insists_after_ == duration::max() ? never : expects_since_ + insists_after_;
    }

    steady_time heard_at_;
    duration insists_after_;
    steady_time expects_since_ = never;  // nothing was heard since
    steady_time look_at_ = never;
    bool dialler_;
};

}  // namespace mydht::detail
