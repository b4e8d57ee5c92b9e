#include "transport/system_errors.hpp"

#include <span>

#include <asio/error.hpp>

namespace mydht::detail {

namespace {

struct row {
    std::errc system;
    errc meaning;
};

constexpr row listen_rows[] = {
    {std::errc::address_in_use, errc::address_in_use},
    {std::errc::address_not_available, errc::address_not_available},
    {std::errc::address_family_not_supported, errc::address_not_available},
    {std::errc::invalid_argument, errc::address_not_available},
    {std::errc::permission_denied, errc::address_not_permitted},
    {std::errc::operation_not_permitted, errc::address_not_permitted},
    {std::errc::too_many_files_open, errc::out_of_descriptors},
    {std::errc::too_many_files_open_in_system, errc::out_of_descriptors},
    {std::errc::no_buffer_space, errc::out_of_descriptors},
};

constexpr row connect_rows[] = {
    {std::errc::connection_refused, errc::connection_refused},
    {std::errc::connection_reset, errc::connection_reset},
    {std::errc::connection_aborted, errc::connection_reset},
    {std::errc::broken_pipe, errc::connection_reset},
    {std::errc::network_unreachable, errc::unreachable},
    {std::errc::host_unreachable, errc::unreachable},
    {std::errc::network_down, errc::unreachable},
    {std::errc::network_reset, errc::unreachable},
    {std::errc::timed_out, errc::unreachable},
    // A firewall of this machine says no; to the user it is a way that does not exist.
    {std::errc::permission_denied, errc::unreachable},
    {std::errc::operation_not_permitted, errc::unreachable},
    {std::errc::address_not_available, errc::address_not_available},
    {std::errc::address_family_not_supported, errc::address_not_available},
    {std::errc::invalid_argument, errc::address_not_available},
    {std::errc::too_many_files_open, errc::out_of_descriptors},
    {std::errc::too_many_files_open_in_system, errc::out_of_descriptors},
    {std::errc::no_buffer_space, errc::out_of_descriptors},
};

constexpr row stream_rows[] = {
    {std::errc::connection_reset, errc::connection_reset},    {std::errc::connection_aborted, errc::connection_reset},
    {std::errc::broken_pipe, errc::connection_reset},         {std::errc::not_connected, errc::connection_reset},
    {std::errc::network_unreachable, errc::connection_reset}, {std::errc::host_unreachable, errc::connection_reset},
    {std::errc::network_down, errc::connection_reset},        {std::errc::network_reset, errc::connection_reset},
    {std::errc::timed_out, errc::connection_reset},
};

/// Asio's errors have a category of their own, which compares unequal to std::errc; the numbers are the system's in
/// both.
bool is(const std::error_code& error, std::errc code) noexcept {
    const bool system = error.category() == asio::error::get_system_category() ||
                        error.category() == std::system_category() || error.category() == std::generic_category();
    return system && error.value() == static_cast<int>(code);
}

errc look_up(std::span<const row> rows, const std::error_code& error) noexcept {
    for (const auto& r : rows) {
        if (is(error, r.system)) return r.meaning;
    }
    return errc::network_failed;
}

}  // namespace

errc listen_error(const std::error_code& error) noexcept { return look_up(listen_rows, error); }

errc connect_error(const std::error_code& error) noexcept { return look_up(connect_rows, error); }

errc stream_error(const std::error_code& error) noexcept {
    if (error == asio::error::eof) return errc::end_of_stream;
    return look_up(stream_rows, error);
}

accept_trouble classify_accept(const std::error_code& error) noexcept {
    constexpr std::errc shortages[] = {std::errc::too_many_files_open, std::errc::too_many_files_open_in_system,
                                       std::errc::no_buffer_space, std::errc::not_enough_memory};
    for (const auto code : shortages) {
        if (is(error, code)) return accept_trouble::shortage;
    }
    // accept(2): Linux passes pending errors of the new connection on as errors of accept itself.
    constexpr std::errc passing[] = {std::errc::connection_aborted,      std::errc::connection_reset,
                                     std::errc::protocol_error,          std::errc::network_down,
                                     std::errc::network_unreachable,     std::errc::host_unreachable,
                                     std::errc::no_protocol_option,      std::errc::operation_not_supported,
                                     std::errc::operation_not_permitted, std::errc::timed_out};
    for (const auto code : passing) {
        if (is(error, code)) return accept_trouble::one_connection;
    }
    return accept_trouble::broken;
}

}  // namespace mydht::detail
