#include "runtime/cancellation.hpp"

#include <system_error>

#include <asio/error.hpp>

namespace mydht::detail {

bool is_cancellation(const std::exception_ptr& error) noexcept {
    if (!error) return false;
    try {
        std::rethrow_exception(error);
    } catch (const std::system_error& e) {
        return e.code() == asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

std::exception_ptr make_cancellation() {
    return std::make_exception_ptr(std::system_error(std::error_code(asio::error::operation_aborted)));
}

}  // namespace mydht::detail
