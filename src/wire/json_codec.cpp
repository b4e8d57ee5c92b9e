#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string>

#include <mydht/core/address.hpp>
#include <mydht/wire/codec.hpp>

#include "wire/byte_writer.hpp"
#include "wire/struct_reader.hpp"
#include "wire/struct_writer.hpp"
#include "wire/utf8.hpp"

namespace mydht::wire {

namespace {

/// Addresses that have no text form, or none that a JSON string has as it is: "kind-77:" and the bytes as base64url.
constexpr std::string_view unknown_kind = "kind-";

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// Whether a character stands for itself in a string; those of other alphabets are looked at later.
constexpr auto is_plain = [] {
    std::array<bool, 256> out{};
    for (std::size_t c = 0x20; c < 0x80; ++c) out[c] = c != '"' && c != '\\';
    return out;
}();

/// Where the first character stands that is not plain, from `at` on.
std::size_t end_of_plain(std::string_view text, std::size_t at) noexcept {
    constexpr auto each = ~std::uint64_t{0} / 255;
    constexpr auto high = each << 7U;
    // Bits of `high` where a byte is 0, or behind such a byte (Warren, Hacker's Delight, 6-1).
    const auto zeros = [](std::uint64_t v) { return (v - each) & ~v; };
    for (std::uint64_t eight = 0; text.size() - at >= sizeof(eight); at += sizeof(eight)) {
        std::memcpy(&eight, text.data() + at, sizeof(eight));
        const auto quote = zeros(eight ^ each * '"');
        const auto backslash = zeros(eight ^ each * '\\');
        const auto control = eight - each * 0x20;
        if (((quote | backslash | control | eight) & high) != 0) break;
    }
    while (at < text.size() && is_plain[static_cast<std::uint8_t>(text[at])]) ++at;
    return at;
}

class json_writer {
public:
    static constexpr bool wants_count = false;

    explicit json_writer(bytes& to) noexcept : to_(to) {}

    void finish() { to_.flush(); }

    [[nodiscard]] bool failed() const noexcept { return failed_; }

    void begin_record(std::size_t) { open('{'); }
    void end_record() { close('}'); }
    void begin_list(std::size_t) { open('['); }
    void end_list() { close(']'); }
    void name(const field& one) {
        separate();
        quoted(one.name);
        to_.put(':');
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
        to_.put('"');
        for (std::size_t at = 0; at < value.size(); ++at) {
            const auto end = end_of_plain(value, at);
            to_.put(value.substr(at, end - at));
            at = end;
            if (at < value.size()) special(value[at]);
        }
        to_.put('"');
    }
    void binary(bytes_view value) {
        separate();
        to_.put('"');
        base64url(value);
        to_.put('"');
    }
    void place(const address& value) {
        separate();
        const auto text = value.text();
        // A host in IPv4 has one form; others are tried.
        const bool readable = value.is_ipv4() || (parse_address(text) == value && end_of_plain(text, 0) == text.size());
        if (readable) return quoted(text);
        to_.put('"');
        to_.put(unknown_kind);
        to_.digits(static_cast<unsigned>(value.kind()));
        to_.put(':');
        base64url(value.data());
        to_.put('"');
    }

private:
    void separate() {
        if (comma_) to_.put(',');
        comma_ = true;
    }
    void open(char bracket) {
        separate();
        to_.put(bracket);
        comma_ = false;
    }
    void close(char bracket) {
        to_.put(bracket);
        comma_ = true;
    }
    /// Of a text in which nothing needs to be escaped.
    void quoted(std::string_view text) {
        to_.put('"');
        to_.put(text);
        to_.put('"');
    }
    void special(char c) {
        constexpr std::string_view with_letter = "\"\\\b\f\n\r\t";
        constexpr std::string_view letters = "\"\\bfnrt";
        constexpr std::string_view digits = "0123456789abcdef";
        const auto known = with_letter.find(c);
        const auto value = static_cast<std::uint8_t>(c);
        if (known != std::string_view::npos) {
            to_.put('\\');
            to_.put(letters[known]);
        } else if (value < 0x20) {
            to_.put("\\u00");
            to_.put(digits[value >> 4U]);
            to_.put(digits[value & 15U]);
        } else {
            to_.put(c);
        }
    }
    void base64url(bytes_view value) { write_base64url(value, to_.grow(base64url_size(value.size()))); }
    void value_of(std::string_view text) {
        separate();
        to_.put(text);
    }
    template <typename Number>
    void number(Number value) {
        separate();
        to_.digits(value);
    }

    byte_writer to_;
    bool comma_ = false;
    bool failed_ = false;
};

/// Of a number that no double has: whether it is too near to zero for one, not too far from it.
bool is_tiny(std::string_view number) noexcept {
    const auto mark = std::min(number.find_first_of("eE"), number.size());
    long long exponent = 0;
    if (mark < number.size()) {
        auto digits = number.substr(mark + 1);
        if (digits.front() == '+') digits.remove_prefix(1);
        const auto fault = std::from_chars(digits.data(), digits.data() + digits.size(), exponent).ec;
        if (fault != std::errc()) return digits.front() == '-';
        // Far beyond what any mantissa makes up for, and far from the ends of the type.
        constexpr long long beyond_all = 1'000'000'000'000;
        exponent = std::clamp(exponent, -beyond_all, beyond_all);
    }
    const auto mantissa = number.substr(0, mark);
    const auto point = std::min(mantissa.find('.'), mantissa.size());
    const auto first = std::min(mantissa.find_first_of("123456789"), mantissa.size());
    return static_cast<long long>(point) - static_cast<long long>(first) + exponent < 0;
}

/// Reads one JSON text (RFC 8259). Strings that have no escapes, as all do that are long, are looked at where they lie.
class json_parser {
public:
    json_parser(std::string_view text, struct_reader& to) noexcept : text_(text), to_(to) {}

    /// The value has to fill the text, but for space around it.
    bool run() {
        if (text_.starts_with(byte_order_mark)) at_ = byte_order_mark.size();
        skip_space();
        if (!value()) return false;
        skip_space();
        to_.at(at_);
        return ended() || to_.fail(errc::trailing_bytes);
    }

private:
    [[nodiscard]] bool ended() const noexcept { return at_ == text_.size(); }

    bool truncated() {
        to_.at(text_.size());
        return to_.fail(errc::truncated);
    }
    bool malformed() {
        to_.at(at_);
        return to_.fail(errc::malformed);
    }
    /// What comes is not what has to come.
    bool unexpected() { return ended() ? truncated() : malformed(); }

    void skip_space() noexcept {
        while (!ended() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
    }

    bool expect(char what) {
        if (ended() || text_[at_] != what) return unexpected();
        ++at_;
        return true;
    }

    /// Steps behind a character if it comes.
    bool take(char what) noexcept {
        const bool comes = !ended() && text_[at_] == what;
        if (comes) ++at_;
        return comes;
    }

    /// Recurses as deep as the reader allows.
    bool value() {
        if (ended()) return truncated();
        to_.at(at_);
        switch (text_[at_]) {
            case '{': return object();
            case '[': return array();
            case '"': return string();
            case 't': return literal("true") && to_.boolean(true);
            case 'f': return literal("false") && to_.boolean(false);
            case 'n': return literal("null") && to_.nothing();
            default: return number();
        }
    }

    bool literal(std::string_view what) {
        const auto rest = text_.substr(at_, what.size());
        if (rest != what) return what.starts_with(rest) ? truncated() : malformed();
        at_ += what.size();
        return true;
    }

    bool object() {
        if (!to_.begin_record()) return false;
        ++at_;
        skip_space();
        if (!take('}')) {
            do {
                skip_space();
                if (!member()) return false;
                skip_space();
            } while (take(','));
            if (!expect('}')) return false;
        }
        to_.at(at_ - 1);
        return to_.end_record();
    }

    bool member() {
        const auto start = at_;
        std::string_view name;
        if (!take_string(name)) return false;
        to_.at(start);
        if (!to_.name(name)) return false;
        skip_space();
        if (!expect(':')) return false;
        skip_space();
        return value();
    }

    bool array() {
        if (!to_.begin_list()) return false;
        ++at_;
        skip_space();
        if (!take(']')) {
            do {
                skip_space();
                if (!value()) return false;
                skip_space();
            } while (take(','));
            if (!expect(']')) return false;
        }
        to_.at(at_ - 1);
        return to_.end_list();
    }

    bool digits() {
        const auto start = at_;
        while (!ended() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
        return at_ > start || unexpected();
    }

    bool number() {
        const auto start = at_;
        const bool negative = take('-');
        const bool zero = take('0');
        if (!zero && !digits()) return false;
        bool whole = true;
        if (take('.')) {
            whole = false;
            if (!digits()) return false;
        }
        if (take('e') || take('E')) {
            whole = false;
            if (!take('+')) take('-');
            if (!digits()) return false;
        }
        const auto text = text_.substr(start, at_ - start);
        const auto* end = text.data() + text.size();
        if (whole && negative) {
            std::int64_t got = 0;
            if (std::from_chars(text.data(), end, got).ec == std::errc()) return to_.integer(got);
        } else if (whole) {
            std::uint64_t got = 0;
            if (std::from_chars(text.data(), end, got).ec == std::errc()) return to_.natural(got);
        }
        double got = 0;
        const auto fault = std::from_chars(text.data(), end, got).ec;
        if (fault == std::errc()) return to_.real(got);
        return is_tiny(text) ? to_.real(negative ? -0.0 : 0.0) : to_.fail(errc::malformed);
    }

    bool string() {
        const auto start = at_;
        std::string_view content;
        if (!take_string(content)) return false;
        to_.at(start);
        const auto* what = to_.awaited();
        if (what == nullptr || what->kind == shape_kind::text) return to_.text(content);
        if (what->kind == shape_kind::place) return place(content);
        return base64url(content) ? to_.binary(decoded()) : to_.fail(errc::malformed);
    }

    /// The view lives until the next string.
    bool take_string(std::string_view& out) {
        if (!expect('"')) return false;
        bool is_ascii = true;
        bool escaped = false;
        auto begin = at_;
        for (;;) {
            at_ = end_of_plain(text_, at_);
            if (ended()) return truncated();
            const auto c = static_cast<std::uint8_t>(text_[at_]);
            if (c == '"') break;
            if (c < 0x20) return malformed();
            if (c >= 0x80) {
                is_ascii = false;
                ++at_;
                continue;
            }
            if (!escaped) unescaped_.clear();
            escaped = true;
            unescaped_.append(text_.substr(begin, at_ - begin));
            if (!escape()) return false;
            begin = at_;
        }
        out = text_.substr(begin, at_ - begin);
        if (escaped) out = unescaped_.append(out);
        if (!is_ascii && !is_utf8(as_bytes(out))) return malformed();
        ++at_;
        return true;
    }

    /// Appends what stands behind a backslash to unescaped_.
    bool escape() {
        ++at_;
        if (ended()) return truncated();
        constexpr std::string_view letters = "\"\\/bfnrt";
        constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
        const auto known = letters.find(text_[at_]);
        if (known != std::string_view::npos) {
            ++at_;
            unescaped_ += meanings[known];
            return true;
        }
        std::uint32_t code = 0;
        if (!four_digits(code)) return false;
        // A character beyond the first 65,536 is two escapes, neither of which may stand alone.
        if (code >= 0xdc00 && code < 0xe000) return malformed();
        if (code >= 0xd800 && code < 0xdc00) {
            std::uint32_t low = 0;
            if (!expect('\\') || !four_digits(low)) return false;
            if (low < 0xdc00 || low >= 0xe000) return malformed();
            code = 0x10000 + ((code - 0xd800) << 10U) + (low - 0xdc00);
        }
        append_utf8(code);
        return true;
    }

    /// "u" and four hexadecimal digits.
    bool four_digits(std::uint32_t& out) {
        if (!expect('u')) return false;
        for (int i = 0; i < 4; ++i, ++at_) {
            if (ended()) return truncated();
            const char c = text_[at_];
            const auto small = static_cast<char>(c | 0x20);
            std::uint32_t digit = 0;
            if (c >= '0' && c <= '9')
                digit = static_cast<std::uint32_t>(c - '0');
            else if (small >= 'a' && small <= 'f')
                digit = static_cast<std::uint32_t>(small - 'a') + 10;
            else
                return malformed();
            out = out << 4U | digit;
        }
        return true;
    }

    void append_utf8(std::uint32_t code) {
        const auto put = [this](std::uint32_t byte) { unescaped_ += static_cast<char>(byte); };
        const auto put_rest = [&](unsigned shift) { put(0x80U | (code >> shift & 0x3fU)); };
        if (code < 0x80) return put(code);
        if (code < 0x800) {
            put(0xc0U | code >> 6U);
        } else {
            if (code < 0x10000) {
                put(0xe0U | code >> 12U);
            } else {
                put(0xf0U | code >> 18U);
                put_rest(12);
            }
            put_rest(6);
        }
        put_rest(0);
    }

    /// Into decoded_.
    bool base64url(std::string_view text) {
        decoded_size_ = base64url_bytes(text.size());
        if (decoded_.size() < decoded_size_) decoded_.resize(decoded_size_);
        return read_base64url(text, bytes_span(decoded_).first(decoded_size_));
    }
    [[nodiscard]] bytes_view decoded() const { return bytes_view(decoded_).first(decoded_size_); }

    bool place(std::string_view text) {
        if (!text.starts_with(unknown_kind)) {
            const auto got = parse_address(text);
            return got ? handed_on(got->kind(), got->data()) : to_.fail(errc::malformed);
        }
        text.remove_prefix(unknown_kind.size());
        unsigned kind = 0;
        const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), kind);
        const auto rest = text.substr(static_cast<std::size_t>(end - text.data()));
        const bool fine = wrong == std::errc() && kind <= 255 && rest.starts_with(':') && base64url(rest.substr(1));
        return fine ? handed_on(static_cast<address_kind>(kind), decoded()) : to_.fail(errc::malformed);
    }

    bool handed_on(address_kind kind, bytes_view data) {
        std::array<std::uint8_t, 1 + address::size_max> packed{static_cast<std::uint8_t>(kind)};
        if (data.size() > address::size_max) return to_.fail(errc::malformed);
        std::copy(data.begin(), data.end(), packed.begin() + 1);
        return to_.binary(bytes_view(packed).first(1 + data.size()));
    }

    std::string_view text_;
    struct_reader& to_;
    std::size_t at_ = 0;
    std::string unescaped_;  ///< the last string that had escapes
    bytes decoded_;          ///< what the last base64url stood for, in its first decoded_size_ bytes
    std::size_t decoded_size_ = 0;
};

struct json {
    static constexpr auto id = codec_id::json;
    static constexpr std::string_view name = "json";

    result<void> write(const shape& what, const void* from, bytes& out) const {
        json_writer to(out);
        write_struct(what, from, to);
        to.finish();
        if (to.failed()) return failure(errc::bad_argument);
        return {};
    }

    bool read(bytes_view data, const shape& what, void* to, const decode_limits& limits, decode_error& why) const {
        struct_reader reader(what, to, limits, why);
        return json_parser(as_text(data), reader).run() && reader.is_done();
    }
};

}  // namespace

any_codec json_codec() noexcept { return json(); }

}  // namespace mydht::wire
