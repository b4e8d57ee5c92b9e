#pragma once

#include <memory>
#include <utility>

#include "query/forwarding_state.hpp"

namespace mydht::detail {

/// What is here is on its way to the asker.
class bringing_place {
public:
    bringing_place(std::shared_ptr<forwarding_state> in, const id256& visit)
        : in_(std::move(in)), visit_(visit), first_(in_->bringing.insert(visit).second) {}
    bringing_place(const bringing_place&) = delete;
    bringing_place& operator=(const bringing_place&) = delete;
    ~bringing_place() {
        if (first_) in_->bringing.erase(visit_);
    }

private:
    std::shared_ptr<forwarding_state> in_;
    id256 visit_;
    bool first_;
};

}  // namespace mydht::detail
