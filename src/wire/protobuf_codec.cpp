// Protocol Buffers, version 3, as schema/mydht.proto has the messages. Only libprotobuf's reading and writing of single
// fields is used: the fields of a struct are known already, and a generated class would be a second one to copy from.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/wire/codec.hpp>

#include "wire/struct_reader.hpp"
#include "wire/struct_writer.hpp"

namespace mydht::wire {

namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr std::size_t varint_bytes = 10;

class protobuf_writer {
public:
    static constexpr bool wants_count = false;

    explicit protobuf_writer(bytes& to) noexcept : to_(to) {}

    void begin_record(std::size_t) {
        if (!frames_.empty()) tag(WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
        frames_.push_back({.start = to_.size()});
    }
    void end_record() {
        const auto start = frames_.back().start;
        frames_.pop_back();
        if (!frames_.empty()) insert_length(start);
    }
    void begin_list(std::size_t) { frames_.push_back({.start = none, .list = current_}); }
    void end_list() {
        if (frames_.back().start != none) insert_length(frames_.back().start);
        frames_.pop_back();
    }
    void name(const field& one) { current_ = one.number; }

    void boolean(bool value) { natural(value ? 1 : 0); }
    void natural(std::uint64_t value) {
        begin_number(WireFormatLite::WIRETYPE_VARINT);
        varint(value);
    }
    void integer(std::int64_t value) { natural(static_cast<std::uint64_t>(value)); }
    void real(double value) {
        begin_number(WireFormatLite::WIRETYPE_FIXED64);
        std::array<std::uint8_t, 8> out{};
        CodedOutputStream::WriteLittleEndian64ToArray(std::bit_cast<std::uint64_t>(value), out.data());
        to_.insert(to_.end(), out.begin(), out.end());
    }
    void text(std::string_view value) { binary(as_bytes(value)); }
    void binary(bytes_view value) {
        tag(WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
        varint(value.size());
        to_.insert(to_.end(), value.begin(), value.end());
    }
    void place(const address& value) {
        tag(WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
        varint(1 + value.data().size());
        to_.push_back(static_cast<std::uint8_t>(value.kind()));
        to_.insert(to_.end(), value.data().begin(), value.data().end());
    }

private:
    static constexpr std::size_t none = ~std::size_t{0};

    struct frame {
        std::size_t start = none;  ///< of what has a length: a record, or the numbers of a list
        int list = 0;              ///< a list: the number that each of its elements gets; 0: it is none
    };

    void varint(std::uint64_t value) {
        std::array<std::uint8_t, varint_bytes> out{};
        to_.insert(to_.end(), out.data(), CodedOutputStream::WriteVarint64ToArray(value, out.data()));
    }

    void tag(WireFormatLite::WireType type) {
        const auto list = frames_.back().list;
        varint(WireFormatLite::MakeTag(list != 0 ? list : current_, type));
    }

    /// Numbers in a list are packed: one tag and one length for all of them.
    void begin_number(WireFormatLite::WireType type) {
        auto& in = frames_.back();
        if (in.list == 0) return tag(type);
        if (in.start != none) return;
        tag(WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
        in.start = to_.size();
    }

    /// A length stands before what it is of, and is known behind it.
    void insert_length(std::size_t start) {
        std::array<std::uint8_t, varint_bytes> out{};
        const auto* end = CodedOutputStream::WriteVarint64ToArray(to_.size() - start, out.data());
        to_.insert(to_.begin() + static_cast<std::ptrdiff_t>(start), static_cast<const std::uint8_t*>(out.data()), end);
    }

    bytes& to_;
    std::vector<frame> frames_;
    int current_ = 0;
};

class protobuf_parser {
public:
    protobuf_parser(bytes_view data, struct_reader& to)
        : data_(data), input_(data.data(), static_cast<int>(data.size())), to_(to) {}

    bool run() { return to_.begin_record() && fields(data_.size()) && to_.end_record(); }

private:
    [[nodiscard]] std::size_t position() const { return static_cast<std::size_t>(input_.CurrentPosition()); }

    bool wrong(errc code) {
        to_.at(position());
        return to_.fail(code);
    }

    /// What could not be read: because there is no more, or for what there is.
    bool unreadable() { return wrong(position() >= data_.size() ? errc::truncated : errc::malformed); }
    bool truncated() {
        to_.at(data_.size());
        return to_.fail(errc::truncated);
    }

    bool fields(std::size_t end) {
        while (position() < end) {
            const auto start = position();
            to_.at(start);
            const auto tag = input_.ReadTagNoLastTag();
            if (tag == 0) return no_tag(start);
            const auto number = WireFormatLite::GetTagFieldNumber(tag);
            if (number == 0) return to_.fail(errc::malformed);
            if (!to_.number(static_cast<std::uint64_t>(number))) return false;
            const auto* what = to_.awaited();
            const bool fine =
                what == nullptr ? unknown(tag) : value(*what, WireFormatLite::GetTagWireType(tag), tag, end);
            if (!fine) return false;
            // A value that reaches beyond the record that it is in.
            if (position() > end) return wrong(errc::malformed);
        }
        return true;
    }

    /// A tag is missing, or is 0: no field has that number, so zeros behind a message are no part of it.
    bool no_tag(std::size_t start) {
        if (data_[start] != 0) return unreadable();
        const auto rest = data_.subspan(start);
        const bool is_behind = std::ranges::all_of(rest, [](std::uint8_t byte) { return byte == 0; });
        return to_.fail(is_behind ? errc::trailing_bytes : errc::malformed);
    }

    bool unknown(std::uint32_t tag) {
        const auto type = WireFormatLite::GetTagWireType(tag);
        // Groups, which version 3 does not have, would nest.
        const bool exists = type == WireFormatLite::WIRETYPE_VARINT || type == WireFormatLite::WIRETYPE_FIXED64 ||
                            type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED ||
                            type == WireFormatLite::WIRETYPE_FIXED32;
        if (!exists) return to_.fail(errc::malformed);
        if (!WireFormatLite::SkipField(&input_, tag)) return unreadable();
        return to_.natural(0);
    }

    bool value(const shape& what, WireFormatLite::WireType type, std::uint32_t tag, std::size_t end) {
        switch (what.kind) {
            case shape_kind::boolean:
            case shape_kind::natural:
            case shape_kind::integer:
                if (type == WireFormatLite::WIRETYPE_VARINT) return number(what);
                break;
            case shape_kind::real:
                if (type == WireFormatLite::WIRETYPE_FIXED64) return number(what);
                break;
            default:
                if (type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) return with_length(what, end);
                return wrong(errc::malformed);
        }
        const bool is_packed = type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED && to_.awaits_element();
        if (!is_packed) return wrong(errc::malformed);
        return packed(what, static_cast<std::uint64_t>(WireFormatLite::GetTagFieldNumber(tag)), end);
    }

    bool number(const shape& what) {
        std::uint64_t got = 0;
        const bool fine = what.kind == shape_kind::real ? input_.ReadLittleEndian64(&got) : input_.ReadVarint64(&got);
        if (!fine) return unreadable();
        switch (what.kind) {
            case shape_kind::boolean: return to_.boolean(got != 0);
            case shape_kind::integer: return to_.integer(static_cast<std::int64_t>(got));
            case shape_kind::real: return to_.real(std::bit_cast<double>(got));
            default: return to_.natural(got);
        }
    }

    /// Reads a length and says where what has it ends.
    bool length(std::size_t end, std::size_t& out) {
        std::uint64_t size = 0;
        if (!input_.ReadVarint64(&size)) return unreadable();
        if (size > data_.size() - position()) return truncated();
        out = position() + static_cast<std::size_t>(size);
        return out <= end || wrong(errc::malformed);
    }

    bool with_length(const shape& what, std::size_t outer) {
        std::size_t end = 0;
        if (!length(outer, end)) return false;
        if (what.kind == shape_kind::record || what.kind == shape_kind::choice) {
            return to_.begin_record() && fields(end) && to_.end_record();
        }
        const auto content = data_.subspan(position(), end - position());
        if (!input_.Skip(static_cast<int>(content.size()))) return unreadable();
        return what.kind == shape_kind::text ? to_.text(as_text(content)) : to_.binary(content);
    }

    /// The numbers of a list behind one tag. Each is announced to the reader as if it had one of its own.
    bool packed(const shape& what, std::uint64_t field_number, std::size_t outer) {
        std::size_t end = 0;
        if (!length(outer, end)) return false;
        while (position() < end) {
            if (!to_.number(field_number) || !number(what)) return false;
        }
        return position() == end || wrong(errc::malformed);
    }

    bytes_view data_;
    CodedInputStream input_;
    struct_reader& to_;
};

struct protobuf {
    static constexpr auto id = codec_id::protobuf;
    static constexpr std::string_view name = "protobuf";

    result<void> write(const shape& what, const void* from, bytes& out) const {
        protobuf_writer to(out);
        write_struct(what, from, to);
        return {};
    }

    bool read(bytes_view data, const shape& what, void* to, const decode_limits& limits, decode_error& why) const {
        // What libprotobuf counts in.
        if (data.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
            why.code = errc::too_large;
            return false;
        }
        struct_reader reader(what, to, limits, why);
        return protobuf_parser(data, reader).run() && reader.is_done();
    }
};

}  // namespace

any_codec protobuf_codec() noexcept { return protobuf(); }

}  // namespace mydht::wire
