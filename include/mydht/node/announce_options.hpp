#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <mydht/crypto/peer_record.hpp>

namespace mydht {

/// What node::announce() says. A class with constructors, see get_options.
class announce_options {
public:
    announce_options() {}

    /// The addresses to publish; ip when not set. One record never has those of two groups.
    announce_options& group(address_group which) {
        group_ = which;
        return *this;
    }
    /// For people, see peer_record::name.
    announce_options& name(std::string text) {
        name_ = std::move(text);
        return *this;
    }
    /// When the record ends unless it is announced again; query_config::value_lifetime when not set.
    announce_options& lifetime(std::chrono::milliseconds length) {
        lifetime_ = length;
        return *this;
    }
    announce_options& timeout(std::chrono::milliseconds limit) {
        timeout_ = limit;
        return *this;
    }

    [[nodiscard]] address_group group() const noexcept { return group_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::optional<std::chrono::milliseconds> lifetime() const noexcept { return lifetime_; }
    [[nodiscard]] std::optional<std::chrono::milliseconds> timeout() const noexcept { return timeout_; }

private:
    address_group group_ = address_group::ip;
    std::string name_;
    std::optional<std::chrono::milliseconds> lifetime_;
    std::optional<std::chrono::milliseconds> timeout_;
};

}  // namespace mydht
