#include <stdexcept>
#include <utility>

#include <mydht/runtime/deadline.hpp>

#include "session/pool_core.hpp"

namespace mydht::detail {

void pool_core::serve(std::string service, service_handler handler) {
    if (!valid_service_name(service))
        throw std::invalid_argument("serve: \"" + service + "\" is no name for a service");
    if (!handler) throw std::invalid_argument("serve: no handler for \"" + service + "\"");
    context_->services.add(std::move(service), std::move(handler));
}

task<result<stream>> pool_core::open(std::shared_ptr<pool_core> core, task<result<session>> dial, std::string service,
                                     steady_time deadline, open_mode mode) {
    auto link = co_await std::move(dial);
    if (!link) co_return failure(link.error());
    auto made = link->open_stream(std::move(service));
    if (!made || mode == open_mode::at_once) co_return made;
    auto answer = made->accepted();
    const auto accepted = co_await with_deadline(*core->context_->env.time, deadline, std::move(answer));
    if (!accepted) co_return failure(accepted.error());
    co_return made;
}

}  // namespace mydht::detail
