#include <exception>
#include <string>

#include <nlohmann/json.hpp>

#include <mydht/core/address.hpp>
#include <mydht/wire/codec.hpp>

#include "wire/struct_reader.hpp"
#include "wire/struct_writer.hpp"

namespace mydht::wire {

namespace {

/// The first three bits of an item (RFC 8949 section 3.1).
enum class major : std::uint8_t { natural = 0, negative = 1, bytes = 2, text = 3, array = 4, map = 5, simple = 7 };

/// Writes the preferred serialization: definite lengths, the shortest heads (RFC 8949 section 4.1).
class cbor_writer {
public:
    explicit cbor_writer(bytes& to) noexcept : to_(to) {}

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
        to_.push_back(0xfb);
        big_endian(std::bit_cast<std::uint64_t>(value), 8);
    }
    void text(std::string_view value) {
        head(major::text, value.size());
        to_.insert(to_.end(), value.begin(), value.end());
    }
    void binary(bytes_view value) {
        head(major::bytes, value.size());
        to_.insert(to_.end(), value.begin(), value.end());
    }
    void place(const address& value) {
        head(major::bytes, 1 + value.data().size());
        to_.push_back(static_cast<std::uint8_t>(value.kind()));
        to_.insert(to_.end(), value.data().begin(), value.data().end());
    }

private:
    void head(major kind, std::uint64_t value) {
        const auto first = [kind](unsigned low) {
            return static_cast<std::uint8_t>(static_cast<unsigned>(kind) << 5U | low);
        };
        if (value < 24) {
            to_.push_back(first(static_cast<unsigned>(value)));
        } else if (value <= 0xff) {
            to_.push_back(first(24));
            big_endian(value, 1);
        } else if (value <= 0xffff) {
            to_.push_back(first(25));
            big_endian(value, 2);
        } else if (value <= 0xffffffff) {
            to_.push_back(first(26));
            big_endian(value, 4);
        } else {
            to_.push_back(first(27));
            big_endian(value, 8);
        }
    }

    void big_endian(std::uint64_t value, unsigned size) {
        for (unsigned shift = 8 * size; shift > 0; shift -= 8) {
            to_.push_back(static_cast<std::uint8_t>(value >> (shift - 8)));
        }
    }

    bytes& to_;
};

/// Hands what nlohmann's parser finds on. The names of its functions are that parser's.
class cbor_events {
public:
    cbor_events(struct_reader& to, bytes_view data) : to_(to), data_(data) {}

    bool null() { return to_.nothing(); }
    bool boolean(bool value) { return to_.boolean(value); }
    bool number_integer(std::int64_t value) { return to_.integer(value); }
    bool number_unsigned(std::uint64_t value) { return to_.natural(value); }
    bool number_float(double value, const std::string&) { return to_.real(value); }
    bool string(std::string& value) { return to_.text(value); }
    bool binary(nlohmann::json::binary_t& value) { return to_.binary(value); }
    bool start_object(std::size_t) { return to_.begin_record(); }
    bool key(std::string& name) { return to_.short_name(name); }
    bool end_object() { return to_.end_record(); }
    bool start_array(std::size_t) { return to_.begin_list(); }
    bool end_array() { return to_.end_list(); }
    bool parse_error(std::size_t position, const std::string&, const std::exception&) {
        // The position counts what was read; the end counts as a byte.
        to_.at(std::min(position, data_.size()));
        if (to_.is_done()) return to_.fail(errc::trailing_bytes);
        return to_.fail(position > data_.size() ? errc::truncated : errc::malformed);
    }

private:
    struct_reader& to_;
    bytes_view data_;
};

struct cbor {
    static constexpr auto id = codec_id::cbor;
    static constexpr std::string_view name = "cbor";

    result<void> write(const shape& what, const void* from, bytes& out) const {
        cbor_writer to(out);
        write_struct(what, from, to);
        return {};
    }

    bool read(bytes_view data, const shape& what, void* to, const decode_limits& limits, decode_error& why) const {
        struct_reader reader(what, to, limits, why);
        cbor_events events(reader, data);
        const auto* first = reinterpret_cast<const char*>(data.data());
        return nlohmann::json::sax_parse(first, first + data.size(), &events, nlohmann::json::input_format_t::cbor) &&
               reader.is_done();
    }
};

}  // namespace

any_codec cbor_codec() noexcept { return cbor(); }

}  // namespace mydht::wire
