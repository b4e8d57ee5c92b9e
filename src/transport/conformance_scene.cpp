#include "transport/conformance_scene.hpp"

#include <algorithm>

namespace mydht::detail {

namespace {

constexpr std::size_t slice_bytes_max = 4099;

/// Slice lengths that hit no power of two for long.
std::size_t slice(std::size_t round, std::size_t left) noexcept {
    const std::size_t wanted = 1 + (round * round * 37 + round * 11) % slice_bytes_max;
    return std::min(wanted, left);
}

}  // namespace

scene::scene(conformance_subject subject_) : conformance_notes(subject_.env), subject(std::move(subject_)) {}

void scene::close_all() {
    listener.close();
    dialed.close();
    accepted.close();
    more.clear();
}

task<bool> open_listener(scene_ptr s) {
    auto made = co_await s->subject.listening.listen(s->subject.listen_at());
    if (!s->expect_success(made, "listen")) co_return false;
    s->listener = std::move(*made);
    co_return true;
}

task<connection_ends> connect_once(scene_ptr s) {
    connection_ends ends;
    const auto incoming = start(s, s->listener.accept());
    auto made = co_await s->subject.dialing.connect(s->listener.local());
    if (!s->expect_success(made, "connect")) {
        s->listener.close();
        co_await s->group().join();
        co_return std::move(ends);
    }
    co_await s->group().join();
    if (s->expect_success(incoming->value, "accept")) {
        ends.dialed = std::move(*made);
        ends.accepted = std::move(*incoming->value);
    }
    co_return std::move(ends);
}

task<bool> open_connection(scene_ptr s) {
    if (s->listener.empty()) {
        const bool open = co_await open_listener(s);
        if (!open) co_return false;
    }
    auto ends = co_await connect_once(s);
    s->dialed = std::move(ends.dialed);
    s->accepted = std::move(ends.accepted);
    co_return !s->dialed.empty();
}

std::uint8_t pattern(std::size_t index, std::uint8_t tag) noexcept {
    return static_cast<std::uint8_t>((index * 131 + index / 251 + tag) & 0xff);
}

task<> write_pattern(scene_ptr s, any_connection& to, std::size_t size, std::uint8_t tag) {
    bytes buffer;
    std::size_t written = 0;
    for (std::size_t round = 0; written < size; ++round) {
        buffer.resize(slice(round, size - written));
        for (std::size_t i = 0; i < buffer.size(); ++i) buffer[i] = pattern(written + i, tag);
        const auto done = co_await to.write(buffer);
        if (!s->expect_success(done, "write")) co_return;
        written += buffer.size();
    }
}

task<> read_pattern(scene_ptr s, any_connection& from, std::size_t size, std::uint8_t tag) {
    bytes buffer(slice_bytes_max);
    std::size_t seen = 0;
    for (std::size_t round = 0; seen < size; ++round) {
        const bytes_span into(buffer.data(), slice(round + 3, size - seen));
        const auto count = co_await from.read_some(into);
        if (!s->expect_success(count, "read")) co_return;
        if (*count == 0 || *count > into.size()) {
            s->expect(false,
                      "read gave " + std::to_string(*count) + " bytes for room of " + std::to_string(into.size()));
            co_return;
        }
        for (std::size_t i = 0; i < *count; ++i) {
            if (buffer[i] == pattern(seen + i, tag)) continue;
            s->expect(false, "byte " + std::to_string(seen + i) + " of " + std::to_string(size) + " is wrong");
            co_return;
        }
        seen += *count;
    }
}

task<> expect_end(scene_ptr s, any_connection& from, std::size_t size, std::string what) {
    bytes buffer(slice_bytes_max);
    std::size_t seen = 0;
    for (;;) {
        const auto count = co_await from.read_some(buffer);
        if (!count) {
            s->expect_error(count, errc::end_of_stream, what);
            s->expect(seen == size, what + ": " + std::to_string(seen) + " bytes came before the end instead of " +
                                        std::to_string(size));
            co_return;
        }
        seen += *count;
    }
}

}  // namespace mydht::detail
