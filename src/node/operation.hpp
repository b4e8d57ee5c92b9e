#pragma once

#include "node/node_core.hpp"

namespace mydht::detail {

/// Counts an operation of a user for as long as it runs; a stop waits for it.
class node_core::operation {
public:
    explicit operation(node_core& core) : core_(core), admitted_(core.phase_ == phase::running) { ++core_.operations_; }
    operation(const operation&) = delete;
    operation& operator=(const operation&) = delete;
    ~operation() {
        if (--core_.operations_ == 0) core_.operations_ended_.notify_all();
    }
    [[nodiscard]] bool admitted() const noexcept { return admitted_; }

private:
    node_core& core_;
    bool admitted_;
};

}  // namespace mydht::detail
