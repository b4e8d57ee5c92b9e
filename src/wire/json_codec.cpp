#include <algorithm>
#include <charconv>
#include <cmath>
#include <exception>
#include <string>

#include <nlohmann/json.hpp>

#include <mydht/core/address.hpp>
#include <mydht/wire/codec.hpp>

#include "wire/struct_reader.hpp"
#include "wire/struct_writer.hpp"

namespace mydht::wire {

namespace {

/// Addresses that have no text form, or none that a JSON string has as it is: "kind-77:" and the bytes as base64url.
constexpr std::string_view unknown_kind = "kind-";

bool needs_no_escape(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
}

class json_writer {
public:
    explicit json_writer(bytes& to) noexcept : to_(to) {}

    [[nodiscard]] bool failed() const noexcept { return failed_; }

    void begin_record(std::size_t) { open('{'); }
    void end_record() { close('}'); }
    void begin_list(std::size_t) { open('['); }
    void end_list() { close(']'); }
    void name(const field& one) {
        separate();
        quoted(one.name);
        put(":");
        comma_ = false;
    }

    void boolean(bool value) { value_of(value ? "true" : "false"); }
    void natural(std::uint64_t value) { number(value); }
    void integer(std::int64_t value) { number(value); }
    void real(double value) {
        // JSON has no infinities and nothing that is not a number.
        if (!std::isfinite(value)) failed_ = true;
        // A parser takes -0 for a whole number, which has no sign.
        if (value == 0 && std::signbit(value)) return value_of("-0.0");
        number(value);
    }
    void text(std::string_view value) {
        separate();
        try {
            put(nlohmann::json(value).dump());
        } catch (const nlohmann::json::exception&) {
            failed_ = true;
        }
    }
    void binary(bytes_view value) {
        separate();
        quoted(to_base64url(value));
    }
    void place(const address& value) {
        separate();
        const auto text = value.text();
        if (const auto known = parse_address(text); known && *known == value && needs_no_escape(text)) {
            quoted(text);
        } else {
            const auto kind = std::to_string(static_cast<unsigned>(value.kind()));
            quoted(std::string(unknown_kind) + kind + ':' + to_base64url(value.data()));
        }
    }

private:
    void put(std::string_view text) { to_.insert(to_.end(), text.begin(), text.end()); }
    void separate() {
        if (comma_) put(",");
        comma_ = true;
    }
    void open(char bracket) {
        separate();
        put({&bracket, 1});
        comma_ = false;
    }
    void close(char bracket) {
        put({&bracket, 1});
        comma_ = true;
    }
    /// Of a text in which nothing needs to be escaped.
    void quoted(std::string_view text) {
        put("\"");
        put(text);
        put("\"");
    }
    void value_of(std::string_view text) {
        separate();
        put(text);
    }
    template <typename Number>
    void number(Number value) {
        std::array<char, 32> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
        value_of({digits.data(), static_cast<std::size_t>(end - digits.data())});
    }

    bytes& to_;
    bool comma_ = false;
    bool failed_ = false;
};

/// Where a token stands, of those that are an event each: brackets, names and values. All before it are well formed.
std::size_t place_of_token(std::string_view text, std::size_t index) {
    std::size_t at = text.starts_with("\xef\xbb\xbf") ? 3 : 0;
    for (;; --index) {
        at = std::min(text.find_first_not_of(" \t\r\n:,", at), text.size());
        if (index == 0 || at == text.size()) return at;
        const char first = text[at];
        if (first == '"') {
            for (++at; at < text.size() && text[at] != '"'; ++at) {
                if (text[at] == '\\') ++at;
            }
            ++at;
        } else if (std::string_view("{}[]").find(first) != std::string_view::npos) {
            ++at;
        } else {
            at = text.find_first_of(" \t\r\n,]}", at);
        }
    }
}

/// Hands what nlohmann's parser finds on. The names of its functions are that parser's.
class json_events {
public:
    json_events(struct_reader& to, std::string_view text) : to_(to), text_(text) {}

    /// Where the last event comes from: the parser does not say.
    [[nodiscard]] std::size_t place() const { return events_ == 0 ? 0 : place_of_token(text_, events_ - 1); }

    bool null() { return next().nothing(); }
    bool boolean(bool value) { return next().boolean(value); }
    bool number_integer(std::int64_t value) { return next().integer(value); }
    bool number_unsigned(std::uint64_t value) { return next().natural(value); }
    bool number_float(double value, const std::string&) { return next().real(value); }
    bool string(std::string& value) {
        ++events_;
        const auto* what = to_.awaited();
        if (what == nullptr || what->kind == shape_kind::text) return to_.text(value);
        if (what->kind == shape_kind::place) return place(value);
        const auto data = from_base64url(value);
        return data ? to_.binary(*data) : to_.fail(errc::malformed);
    }
    bool binary(nlohmann::json::binary_t&) { return to_.fail(errc::malformed); }
    bool start_object(std::size_t) { return next().begin_record(); }
    bool key(std::string& name) { return next().name(name); }
    bool end_object() { return next().end_record(); }
    bool start_array(std::size_t) { return next().begin_list(); }
    bool end_array() { return next().end_list(); }
    bool parse_error(std::size_t position, const std::string&, const std::exception&) {
        // The position counts what was read, with what is wrong; the end counts as a character.
        to_.at(std::min(position == 0 ? position : position - 1, text_.size()));
        if (to_.is_done()) return to_.fail(errc::trailing_bytes);
        return to_.fail(position > text_.size() ? errc::truncated : errc::malformed);
    }

private:
    struct_reader& next() noexcept {
        ++events_;
        return to_;
    }

    bool place(std::string_view text) {
        if (!text.starts_with(unknown_kind)) {
            const auto got = parse_address(text);
            return got ? handed_on(got->kind(), got->data()) : to_.fail(errc::malformed);
        }
        text.remove_prefix(unknown_kind.size());
        unsigned kind = 0;
        const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), kind);
        const auto rest = text.substr(static_cast<std::size_t>(end - text.data()));
        if (wrong != std::errc() || kind > 255 || !rest.starts_with(':')) return to_.fail(errc::malformed);
        const auto data = from_base64url(rest.substr(1));
        return data ? handed_on(static_cast<address_kind>(kind), *data) : to_.fail(errc::malformed);
    }

    bool handed_on(address_kind kind, bytes_view data) {
        bytes packed{static_cast<std::uint8_t>(kind)};
        packed.insert(packed.end(), data.begin(), data.end());
        return to_.binary(packed);
    }

    struct_reader& to_;
    std::string_view text_;
    std::size_t events_ = 0;
};

struct json {
    static constexpr auto id = codec_id::json;
    static constexpr std::string_view name = "json";

    result<void> write(const shape& what, const void* from, bytes& out) const {
        json_writer to(out);
        write_struct(what, from, to);
        if (to.failed()) return failure(errc::bad_argument);
        return {};
    }

    bool read(bytes_view data, const shape& what, void* to, const decode_limits& limits, decode_error& why) const {
        struct_reader reader(what, to, limits, why);
        // The parser takes a NUL for the end of its input; JSON never has one.
        const auto all = as_text(data);
        const auto text = all.substr(0, all.find('\0'));
        json_events events(reader, text);
        if (!nlohmann::json::sax_parse(text.begin(), text.end(), &events)) {
            if (!why.offset) why.offset = events.place();
            if (why.code == errc::truncated && text.size() < all.size()) why.code = errc::malformed;
            return false;
        }
        if (text.size() == all.size()) return reader.is_done();
        reader.at(text.size());
        return reader.fail(errc::trailing_bytes);
    }
};

}  // namespace

any_codec json_codec() noexcept { return json(); }

}  // namespace mydht::wire
