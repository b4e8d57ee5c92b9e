#pragma once

#include <chrono>

#include <mydht/core/time.hpp>

namespace mydht::detail {

/// Finds out whether a peer that something is to come from is still there. Of a session at rest nothing is to come, and it
/// is not watched, so keep-alive costs it nothing. No I/O:
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

    silence_watch(bool dialler, steady_time now) noexcept : heard_at_(now), dialler_(dialler) {}

    void heard(steady_time at) noexcept {
        heard_at_ = at;
        expects_since_ = never;
    }
    [[nodiscard]] steady_time heard_at() const noexcept { return heard_at_; }

    /// Something that the peer answers at once was sent.
    void expect(steady_time at) noexcept {
        if (expects_since_ == never) expects_since_ = at;
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
        if (const auto due = heard_at_ + silence_max(); now < due) {
            look_at_ = due;
            return verdict::wait;
        }
        look_at_ = now + step;
        expect(now);
        return verdict::ask;
    }
    /// The same for a side that could not have heard anything, and so cannot judge: `ask` once in a while, never `gone`.
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
    /// A peer is asked after so long a silence, and then in these steps. The side that was dialled lets the other one begin.
    static constexpr duration silence_of_dialler = std::chrono::seconds(15);
    static constexpr duration step = std::chrono::seconds(3);

    [[nodiscard]] duration silence_max() const noexcept {
        return dialler_ ? silence_of_dialler : silence_of_dialler + step;
    }

    steady_time heard_at_;
    steady_time expects_since_ = never;  // nothing was heard since
    steady_time look_at_ = never;
    bool dialler_;
};

}  // namespace mydht::detail
