#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>

#include <mydht/core/address.hpp>
#include <mydht/wire/codec.hpp>

#include "wire/byte_writer.hpp"
#include "wire/struct_reader.hpp"
#include "wire/struct_writer.hpp"

namespace mydht::wire {

namespace {

constexpr std::size_t real_bytes = 8;

class bencode_writer {
public:
    static constexpr bool wants_count = false;

    explicit bencode_writer(bytes& to) noexcept : to_(to) {}

    void finish() { to_.flush(); }

    void begin_record(std::size_t) { to_.put('d'); }
    void end_record() { to_.put('e'); }
    void begin_list(std::size_t) { to_.put('l'); }
    void end_list() { to_.put('e'); }
    /// The short names sort as the numbers of the fields do.
    void name(const field& one) {
        const auto short_name = one.short_name();
        const auto out = to_.grow(2 + short_name.size());
        out[0] = static_cast<std::uint8_t>('0' + short_name.size());
        out[1] = ':';
        std::copy(short_name.begin(), short_name.end(), out.begin() + 2);
    }

    void boolean(bool value) { natural(value ? 1 : 0); }
    void natural(std::uint64_t value) { number(value); }
    void integer(std::int64_t value) { number(value); }
    /// Bencode has whole numbers only: the eight bytes of the double, most significant first.
    void real(double value) {
        length(real_bytes);
        const auto bits = std::bit_cast<std::uint64_t>(value);
        for (unsigned shift = 64; shift > 0; shift -= 8) to_.put(static_cast<std::uint8_t>(bits >> (shift - 8)));
    }
    void text(std::string_view value) { binary(as_bytes(value)); }
    void binary(bytes_view value) {
        if (value.size() > short_string) {
            length(value.size());
            return to_.put(value);
        }
        const auto out = begin_short(value.size());
        if (!value.empty()) std::memcpy(out.data(), value.data(), value.size());
    }
    void place(const address& value) {
        const auto data = value.data();
        static_assert(1 + address::size_max <= short_string);
        const auto out = begin_short(1 + data.size());
        out[0] = static_cast<std::uint8_t>(value.kind());
        if (!data.empty()) std::memcpy(out.data() + 1, data.data(), data.size());
    }

private:
    /// Those with a length of at most two digits: ids, keys, signatures, addresses.
    static constexpr std::size_t short_string = 99;

    /// Writes the length of a short string. The place for its bytes.
    bytes_span begin_short(std::size_t size) {
        const std::size_t head = size < 10 ? 2 : 3;
        const auto out = to_.grow(head + size);
        if (size >= 10) out[0] = static_cast<std::uint8_t>('0' + size / 10);
        out[head - 2] = static_cast<std::uint8_t>('0' + size % 10);
        out[head - 1] = ':';
        return out.subspan(head);
    }

    template <typename Number>
    void number(Number value) {
        to_.put('i');
        to_.digits(value);
        to_.put('e');
    }
    void length(std::size_t value) {
        to_.digits(value);
        to_.put(':');
    }

    byte_writer to_;
};

/// Reads one bencoded value, in its canonical form alone: no leading zeros, keys sorted and none twice.
class bencode_parser {
public:
    bencode_parser(bytes_view data, struct_reader& to) noexcept : data_(data), to_(to) {}

    /// The value has to fill the data.
    bool run() {
        if (!value()) return false;
        to_.at(at_);
        return at_ == data_.size() || to_.fail(errc::trailing_bytes);
    }

private:
    [[nodiscard]] bool ended() const noexcept { return at_ == data_.size(); }

    bool wrong(errc code) {
        to_.at(at_);
        return to_.fail(code);
    }
    bool truncated() {
        to_.at(data_.size());
        return to_.fail(errc::truncated);
    }

    /// Recurses as deep as the reader allows.
    bool value() {
        if (ended()) return truncated();
        to_.at(at_);
        switch (data_[at_]) {
            case 'd': return dictionary();
            case 'l': return list();
            case 'i': return number();
            default: return string();
        }
    }

    /// Of keys, most of which are one character long.
    static bool is_before(bytes_view a, bytes_view b) noexcept {
        for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
            if (a[i] != b[i]) return a[i] < b[i];
        }
        return a.size() < b.size();
    }

    bool dictionary() {
        if (!to_.begin_record()) return false;
        ++at_;
        std::optional<bytes_view> last;
        while (true) {
            if (ended()) return truncated();
            if (data_[at_] == 'e') break;
            const auto start = at_;
            bytes_view key;
            if (!take_string(key)) return false;
            if (last && !is_before(*last, key)) {
                at_ = start;
                return wrong(errc::malformed);
            }
            last = key;
            to_.at(start);
            if (!to_.short_name(as_text(key)) || !value()) return false;
        }
        to_.at(at_++);
        return to_.end_record();
    }

    bool list() {
        if (!to_.begin_list()) return false;
        ++at_;
        while (true) {
            if (ended()) return truncated();
            if (data_[at_] == 'e') break;
            if (!value()) return false;
        }
        to_.at(at_++);
        return to_.end_list();
    }

    /// Reads digits up to `end` and steps behind it. A number that is too large is the largest, if that is not known
    /// what it is for.
    bool take_number(char end, std::uint64_t& out, bool may_be_larger = false) {
        constexpr auto most = std::numeric_limits<std::uint64_t>::max();
        out = 0;
        auto i = at_;
        for (; i < data_.size(); ++i) {
            const auto digit = static_cast<std::uint8_t>(data_[i] - '0');
            if (digit > 9) break;
            const bool fits = out < most / 10 || (out == most / 10 && digit <= most % 10);
            if (!fits && !may_be_larger) return wrong(errc::malformed);
            out = fits ? 10 * out + digit : most;
        }
        const auto count = i - at_;
        const bool padded = count > 1 && data_[at_] == '0';
        if (padded) return wrong(errc::malformed);
        // Nothing but digits up to the end may still be a number of which the rest is missing.
        if (i == data_.size()) return truncated();
        if (count == 0 || data_[i] != end) return wrong(errc::malformed);
        at_ = i + 1;
        return true;
    }

    bool number() {
        const auto start = at_++;
        const bool negative = !ended() && data_[at_] == '-';
        if (negative) ++at_;
        const bool passed = to_.awaited() == nullptr;
        std::uint64_t value = 0;
        if (!take_number('e', value, passed)) return false;
        to_.at(start);
        if (!negative) return is_awaited(shape_kind::boolean) ? boolean(value) : to_.natural(value);
        constexpr auto lowest = std::uint64_t{1} << 63U;
        if (value == 0 || (value > lowest && !passed)) return to_.fail(errc::malformed);
        return to_.integer(static_cast<std::int64_t>(~value + 1));
    }

    bool boolean(std::uint64_t value) { return value > 1 ? to_.fail(errc::malformed) : to_.boolean(value == 1); }

    bool string() {
        const auto start = at_;
        bytes_view value;
        if (!take_string(value)) return false;
        to_.at(start);
        if (!is_awaited(shape_kind::real)) return to_.octets(value);
        if (value.size() != real_bytes) return to_.fail(errc::malformed);
        std::uint64_t bits = 0;
        for (const auto byte : value) bits = bits << 8U | byte;
        return to_.real(std::bit_cast<double>(bits));
    }

    bool take_string(bytes_view& out) {
        if (ended()) return truncated();
        std::uint64_t size = 0;
        const bool one_digit =
            data_.size() - at_ > 1 && data_[at_ + 1] == ':' && data_[at_] >= '0' && data_[at_] <= '9';
        if (one_digit) {
            size = static_cast<std::uint64_t>(data_[at_] - '0');
            at_ += 2;
        } else if (!take_number(':', size)) {
            return false;
        }
        if (size > data_.size() - at_) return truncated();
        out = data_.subspan(at_, static_cast<std::size_t>(size));
        at_ += out.size();
        return true;
    }

    [[nodiscard]] bool is_awaited(shape_kind kind) const {
        const auto* what = to_.awaited();
        return what != nullptr && what->kind == kind;
    }

    bytes_view data_;
    struct_reader& to_;
    std::size_t at_ = 0;
};

struct bencode {
    static constexpr auto id = codec_id::bencode;
    static constexpr std::string_view name = "bencode";

    result<void> write(const shape& what, const void* from, bytes& out) const {
        bencode_writer to(out);
        write_struct(what, from, to);
        to.finish();
        return {};
    }

    bool read(bytes_view data, const shape& what, void* to, const decode_limits& limits, decode_error& why) const {
        struct_reader reader(what, to, limits, why);
        return bencode_parser(data, reader).run() && reader.is_done();
    }
};

}  // namespace

any_codec bencode_codec() noexcept { return bencode(); }

}  // namespace mydht::wire
