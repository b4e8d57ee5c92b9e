#include "tools/output.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace mydht::tools {

namespace {

/// 0, or errno.
int write_all(int file, std::string_view data) {
    while (!data.empty()) {
        const auto count = ::write(file, data.data(), data.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno;
        data.remove_prefix(static_cast<std::size_t>(count));
    }
    return 0;
}

}  // namespace

void prepare_standard_streams() {
    for (const int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(file, F_GETFD) >= 0 || errno != EBADF) continue;
        // The lowest free number is this one. What cannot be used in the direction of the stream fails as a closed one
        // does.
        const int stand_in = ::open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        if (stand_in != file && stand_in >= 0) ::close(stand_in);
    }
    std::signal(SIGPIPE, SIG_IGN);
}

outcome<void> write_result(std::string_view data) {
    const int error = write_all(STDOUT_FILENO, data);
    if (error == 0) return {};
    problem lost;
    lost.text = std::string("standard output: ") + std::strerror(error) + "; give it a file or a reader";
    return tl::unexpected<problem>(std::move(lost));
}

outcome<void> write_value(std::string_view data) {
    auto written = write_result(data);
    if (!written || ::isatty(STDOUT_FILENO) == 0) return written;
    return write_result("\n");
}

std::string one_line(std::string_view text) {
    std::string out(text);
    for (auto& c : out) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
    }
    return out;
}

void write_error_line(std::string_view command, std::string_view text) {
    std::string line(command);
    line.append(": ").append(one_line(text)).append("\n");
    // Nowhere is left to tell when this fails.
    static_cast<void>(write_all(STDERR_FILENO, line));
}

std::string fixed(double value, int digits) {
    std::array<char, 64> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, digits);
    return {text.data(), end.ptr};
}

double milliseconds_of(duration length) { return std::chrono::duration<double, std::milli>(length).count(); }

}  // namespace mydht::tools
