#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <mydht/session/stream.hpp>

namespace mydht::detail {

/// The services of one node by their names. A handler lives as long as it runs, also when it is taken out meanwhile.
class service_registry {
public:
    using handler_ptr = std::shared_ptr<const service_handler>;

    /// Takes the place of a handler of the same name.
    void add(std::string name, service_handler handler) {
        handlers_[std::move(name)] = std::make_shared<const service_handler>(std::move(handler));
    }
    /// False when there was none.
    bool remove(std::string_view name) {
        const auto at = handlers_.find(name);
        if (at == handlers_.end()) return false;
        handlers_.erase(at);
        return true;
    }
    void clear() { std::exchange(handlers_, {}); }
    /// None when there is none.
    [[nodiscard]] handler_ptr find(std::string_view name) const {
        const auto at = handlers_.find(name);
        return at == handlers_.end() ? nullptr : at->second;
    }

private:
    std::map<std::string, handler_ptr, std::less<>> handlers_;
};

}  // namespace mydht::detail
