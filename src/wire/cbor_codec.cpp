#include <bit>
#include <cmath>
#include <limits>

#include <mydht/core/address.hpp>
#include <mydht/wire/codec.hpp>

#include "wire/byte_writer.hpp"
#include "wire/struct_reader.hpp"
#include "wire/struct_writer.hpp"
#include "wire/utf8.hpp"

namespace mydht::wire {

namespace {

/// The first three bits of an item (RFC 8949 section 3.1).
enum class major : std::uint8_t {
    natural = 0,
    negative = 1,
    bytes = 2,
    text = 3,
    array = 4,
    map = 5,
    tag = 6,
    simple = 7
};

/// Writes definite lengths and the shortest heads (RFC 8949 section 4.1); doubles stay doubles.
class cbor_writer {
public:
    static constexpr bool wants_count = true;

    explicit cbor_writer(bytes& to) noexcept : to_(to) {}

    void finish() { to_.flush(); }

    void begin_record(std::size_t fields) { head(major::map, fields); }
    void end_record() {}
    void begin_list(std::size_t elements) { head(major::array, elements); }
    void end_list() {}
    void name(const field& one) { text(one.short_name()); }

    void boolean(bool value) { head(major::simple, value ? 21 : 20); }
    void natural(std::uint64_t value) { head(major::natural, value); }
    void integer(std::int64_t value) {
        // -1 - n is n with all bits turned.
        if (value < 0)
            head(major::negative, ~static_cast<std::uint64_t>(value));
        else
            head(major::natural, static_cast<std::uint64_t>(value));
    }
    void real(double value) {
        to_.put(std::uint8_t{0xfb});
        big_endian(std::bit_cast<std::uint64_t>(value), 8);
    }
    void text(std::string_view value) {
        head(major::text, value.size());
        to_.put(value);
    }
    void binary(bytes_view value) {
        head(major::bytes, value.size());
        to_.put(value);
    }
    void place(const address& value) {
        head(major::bytes, 1 + value.data().size());
        to_.put(static_cast<std::uint8_t>(value.kind()));
        to_.put(value.data());
    }

private:
    void head(major kind, std::uint64_t value) {
        const auto first = [kind](unsigned low) {
            return static_cast<std::uint8_t>(static_cast<unsigned>(kind) << 5U | low);
        };
        if (value < 24) {
            to_.put(first(static_cast<unsigned>(value)));
        } else if (value <= 0xff) {
            to_.put(first(24));
            big_endian(value, 1);
        } else if (value <= 0xffff) {
            to_.put(first(25));
            big_endian(value, 2);
        } else if (value <= 0xffffffff) {
            to_.put(first(26));
            big_endian(value, 4);
        } else {
            to_.put(first(27));
            big_endian(value, 8);
        }
    }

    void big_endian(std::uint64_t value, unsigned size) {
        for (unsigned shift = 8 * size; shift > 0; shift -= 8) {
            to_.put(static_cast<std::uint8_t>(value >> (shift - 8)));
        }
    }

    byte_writer to_;
};

/// The head of an item: what it is, and the number, size or count that comes with it.
struct item_head {
    major kind = major::natural;
    unsigned low = 0;  ///< the other five bits of the first byte
    std::uint64_t value = 0;
    bool open = false;  ///< has no size: goes on until a break
};

constexpr std::uint8_t break_byte = 0xff;
constexpr unsigned low_false = 20;
constexpr unsigned low_true = 21;
constexpr unsigned low_null = 22;
constexpr unsigned low_one_byte = 24;
constexpr unsigned low_half = 25;
constexpr unsigned low_single = 26;
constexpr unsigned low_double = 27;
constexpr unsigned low_open = 31;

/// IEEE 754's binary16.
double double_of_half(std::uint64_t bits) {
    const auto exponent = static_cast<int>(bits >> 10U & 0x1fU);
    const auto fraction = static_cast<double>(bits & 0x3ffU);
    double out = 0;
    if (exponent == 0)
        out = std::ldexp(fraction, -24);
    else if (exponent != 31)
        out = std::ldexp(fraction + 1024, exponent - 25);
    else
        out = fraction == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
    return (bits & 0x8000U) == 0 ? out : -out;
}

/// Reads one item with all that it has inside (RFC 8949 section 3). Strings in pieces are followed as deep as they may
/// go: one level.
class cbor_parser {
public:
    cbor_parser(bytes_view data, struct_reader& to) noexcept : data_(data), to_(to) {}

    /// The item has to fill the data.
    bool run() {
        if (!value()) return false;
        to_.at(at_);
        return at_ == data_.size() || to_.fail(errc::trailing_bytes);
    }

private:
    bool truncated() {
        to_.at(data_.size());
        return to_.fail(errc::truncated);
    }

    [[nodiscard]] bool is_passed_over() const { return to_.awaited() == nullptr; }

    bool take_head(item_head& out) {
        if (at_ == data_.size()) return truncated();
        to_.at(at_);
        const auto first = data_[at_++];
        out.kind = static_cast<major>(first >> 5U);
        out.low = first & 0x1fU;
        out.value = out.low;
        out.open = false;
        if (out.low < low_one_byte) return true;
        if (out.low <= low_double) {
            const auto size = std::size_t{1} << (out.low - low_one_byte);
            if (size > data_.size() - at_) return truncated();
            out.value = 0;
            for (const auto byte : data_.subspan(at_, size)) out.value = out.value << 8U | byte;
            at_ += size;
            return true;
        }
        out.open = out.low == low_open && out.kind >= major::bytes && out.kind <= major::map;
        return out.open || to_.fail(errc::malformed);
    }

    /// Recurses as deep as the reader allows.
    bool value() {
        item_head got;
        if (!take_head(got)) return false;
        // What a tag says of the item behind it is said by the field already.
        while (got.kind == major::tag) {
            if (!is_passed_over()) return to_.fail(errc::malformed);
            if (!take_head(got)) return false;
        }
        switch (got.kind) {
            case major::natural: return to_.natural(got.value);
            case major::negative: return negative(got.value);
            case major::bytes:
            case major::text: return string(got);
            case major::array: return array(got);
            case major::map: return map(got);
            default: return simple(got);
        }
    }

    /// -1 - value.
    bool negative(std::uint64_t value) {
        if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
            return to_.integer(static_cast<std::int64_t>(~value));
        }
        const auto* what = to_.awaited();
        if (what != nullptr && what->kind != shape_kind::real) return to_.fail(errc::malformed);
        return to_.real(-1.0 - static_cast<double>(value));
    }

    bool simple(const item_head& of) {
        switch (of.low) {
            case low_false: return to_.boolean(false);
            case low_true: return to_.boolean(true);
            case low_null: return to_.nothing();
            case low_half: return to_.real(double_of_half(of.value));
            case low_single:
                return to_.real(static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(of.value))));
            case low_double: return to_.real(std::bit_cast<double>(of.value));
            default: break;
        }
        // Undefined, and what means nothing yet. Two bytes are for those that one byte does not reach.
        const bool well_formed = of.low != low_one_byte || of.value > low_open;
        return well_formed && is_passed_over() ? to_.nothing() : to_.fail(errc::malformed);
    }

    bool string(const item_head& of) {
        const auto start = at_ - 1;
        bytes_view content;
        if (!take_string(of, content)) return false;
        to_.at(start);
        return of.kind == major::text ? to_.text(as_text(content)) : to_.binary(content);
    }

    bool take_string(const item_head& of, bytes_view& out) {
        if (!of.open) return take_content(of, out);
        joined_.clear();
        for (;;) {
            if (at_ < data_.size() && data_[at_] == break_byte) break;
            item_head piece;
            if (!take_head(piece)) return false;
            // Of the same kind, and not in pieces itself.
            if (piece.kind != of.kind || piece.open) return to_.fail(errc::malformed);
            bytes_view content;
            if (!take_content(piece, content)) return false;
            joined_.insert(joined_.end(), content.begin(), content.end());
        }
        ++at_;
        out = joined_;
        return true;
    }

    bool take_content(const item_head& of, bytes_view& out) {
        if (of.value > data_.size() - at_) return truncated();
        out = data_.subspan(at_, static_cast<std::size_t>(of.value));
        at_ += out.size();
        return of.kind == major::bytes || is_utf8(out) || to_.fail(errc::malformed);
    }

    /// Whether another element comes; steps behind a break.
    bool more(item_head& of) {
        if (!of.open) return of.value-- > 0;
        if (at_ == data_.size() || data_[at_] != break_byte) return true;
        ++at_;
        return false;
    }

    /// No element takes less than a byte. False when so many cannot follow.
    bool can_have(const item_head& of, std::size_t bytes_each) {
        return of.open || of.value <= (data_.size() - at_) / bytes_each || truncated();
    }

    bool array(item_head of) {
        if (!to_.begin_list() || !can_have(of, 1)) return false;
        while (more(of)) {
            if (!value()) return false;
        }
        return to_.end_list();
    }

    bool map(item_head of) {
        const auto start = at_ - 1;
        if (!to_.begin_record() || !can_have(of, 2)) return false;
        while (more(of)) {
            if (!key() || !value()) return false;
        }
        to_.at(start);
        return to_.end_record();
    }

    bool key() {
        // In what is passed over a key may be anything.
        if (!to_.awaits_name()) return value();
        const auto start = at_;
        item_head got;
        if (!take_head(got)) return false;
        if (got.kind != major::text) return to_.fail(errc::malformed);
        bytes_view name;
        if (!take_string(got, name)) return false;
        to_.at(start);
        return to_.short_name(as_text(name));
    }

    bytes_view data_;
    struct_reader& to_;
    std::size_t at_ = 0;
    bytes joined_;  ///< the last string that came in pieces
};

struct cbor {
    static constexpr auto id = codec_id::cbor;
    static constexpr std::string_view name = "cbor";

    result<void> write(const shape& what, const void* from, bytes& out) const {
        cbor_writer to(out);
        write_struct(what, from, to);
        to.finish();
        return {};
    }

    bool read(bytes_view data, const shape& what, void* to, const decode_limits& limits, decode_error& why) const {
        struct_reader reader(what, to, limits, why);
        return cbor_parser(data, reader).run() && reader.is_done();
    }
};

}  // namespace

any_codec cbor_codec() noexcept { return cbor(); }

}  // namespace mydht::wire
