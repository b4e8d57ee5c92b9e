#pragma once

#include <memory>

#include <mydht/core/random.hpp>

namespace mydht {

/// The operating system's random source (getrandom or its like). Safe to share between threads.
class system_random final : public random_source {
public:
    /// Throws std::system_error with errc::entropy_failed when the system has no working random source: nothing
    /// that this library does is safe then.
    system_random();

    /// Ends the program when the system's source fails after it has worked, as libsodium does.
    void fill(bytes_span out) override;
};

/// Throws as system_random does.
[[nodiscard]] std::shared_ptr<random_source> make_system_random();

}  // namespace mydht
