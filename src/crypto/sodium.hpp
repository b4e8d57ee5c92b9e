#pragma once

namespace mydht::detail {

/// Initialises libsodium once, from whichever thread comes first, so that it picks the fast code for this machine
/// before anything is computed. Every entry into this module that computes calls it. False when there is no random
/// source.
bool use_sodium() noexcept;

}  // namespace mydht::detail
