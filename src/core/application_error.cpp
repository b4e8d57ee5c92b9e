#include <mydht/core/application_error.hpp>

#include <string>

#include <mydht/core/errc.hpp>

namespace mydht {

namespace {

constexpr std::uint32_t reserved = 0xffff'ff00;

class category final : public std::error_category {
public:
    const char* name() const noexcept override { return "application"; }
    std::string message(int code) const override {
        return "the service failed with code " + std::to_string(static_cast<std::uint32_t>(code));
    }
};

}  // namespace

const std::error_category& application_category() noexcept {
    static const category instance;
    return instance;
}

std::error_code application_error(std::uint32_t code) noexcept {
    if (code == 0 || code >= reserved) return make_error_code(errc::peer_error);
    return {static_cast<int>(code), application_category()};
}

std::uint32_t application_code(std::error_code why) noexcept {
    return why.category() == application_category() ? static_cast<std::uint32_t>(why.value()) : 0;
}

}  // namespace mydht
