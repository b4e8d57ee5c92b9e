#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <mydht/core/bytes.hpp>
#include <mydht/wire/decode_limits.hpp>
#include <mydht/wire/shape.hpp>

namespace mydht::wire {

[[nodiscard]] constexpr bool is_structure(shape_kind kind) noexcept {
    return kind == shape_kind::record || kind == shape_kind::choice;
}

/// Fills a struct from what a parser finds, one event after the other: no tree lies between them. Every event returns
/// false when the parser has to stop, with the reason in the decode_error. What no field of the struct waits for is
/// passed over, within the limit of nesting.
///
/// A parser that knows where it is says so with at() before an event, so that an error has the place.
class struct_reader {
public:
    /// All arguments outlive the reader. `object` is default constructed, of the type that `root` describes.
    struct_reader(const shape& root, void* object, const decode_limits& limits, decode_error& why);

    void at(std::size_t offset) noexcept { offset_ = offset; }

    bool begin_record();
    /// The next value is that of the field with this name, short name or number.
    bool name(std::string_view name);
    bool short_name(std::string_view name);
    bool number(std::uint64_t number);
    bool end_record();

    bool begin_list();
    bool end_list();

    bool boolean(bool value);
    bool natural(std::uint64_t value);
    bool integer(std::int64_t value);
    bool real(double value);
    bool text(std::string_view value);
    bool binary(bytes_view value);
    /// For encodings with one kind of string: text or binary, as the field has it.
    bool octets(bytes_view value);

    /// The field is there and has nothing, as if it were not.
    bool nothing();

    /// Gives up, for a reason of the parser's.
    bool fail(errc code);

    /// What the next value has to be; null when it will be passed over.
    [[nodiscard]] const shape* awaited() const noexcept;
    /// The value that comes is the next element of a list, one by one.
    [[nodiscard]] bool awaits_element() const noexcept;
    /// The name of a field has to come, or the end of the record.
    [[nodiscard]] bool awaits_name() const noexcept;
    /// The root has been read.
    [[nodiscard]] bool is_done() const noexcept { return done_; }

private:
    static constexpr std::size_t none = ~std::size_t{0};

    /// A record, choice or list that has begun and not ended. Without initialisers, so that a reader begins at once
    /// whatever depth there may be.
    struct frame {
        const shape* what;
        void* object;
        std::size_t limit;    ///< of a list's elements
        std::size_t level;    ///< how deep it lies; 1: the root
        std::size_t current;  ///< the index of the field whose value comes
        const shape* comes;   ///< what that value is; of a list its elements
        std::uint64_t seen;   ///< a bit for each field that came
        bool one_by_one;      ///< the current field is a list, and its next element comes
    };
    /// Where a value goes.
    struct slot {
        const shape* what = nullptr;
        void* object = nullptr;
        std::size_t limit = 0;
    };

    bool select(std::size_t index, bool one_by_one);
    bool select_unknown();
    [[nodiscard]] bool passes_over() const noexcept { return passed_ > 0 || pass_next_; }
    bool pass_value();
    bool pass_begin();
    bool take(slot& out);
    bool take_member(frame& in, slot& out);
    bool take_element(const shape& list, void* object, std::size_t limit, slot& out);
    bool complete(frame& in);
    bool enter(const slot& to);
    void settle() noexcept;
    bool leave();
    bool set(std::uint64_t value, shape_kind kind);
    bool assign(bytes_view value, bool may_be_text, bool may_be_binary);
    bool assign_place(const slot& to, bytes_view value);
    [[nodiscard]] std::size_t levels() const noexcept;
    [[nodiscard]] bool is_too_deep(std::size_t level) const noexcept;
    [[nodiscard]] std::string path() const;
    void note(errc code);

    const shape& root_;
    void* object_;
    const decode_limits& limits_;
    decode_error& why_;
    std::optional<std::size_t> offset_;
    // Those below depth_ have begun; the others are not looked at.
    std::array<frame, nesting_max> frames_;
    std::size_t depth_ = 0;
    std::size_t elements_ = 0;  ///< of all lists so far
    std::size_t passed_ = 0;    ///< levels that have begun in what is passed over
    bool pass_next_ = false;
    bool unsupported_ = false;  ///< an alternative that this build does not know
    bool failed_ = false;
    bool done_ = false;
};

// Parsers ask these for every value.

inline bool struct_reader::awaits_name() const noexcept {
    return !failed_ && !passes_over() && depth_ > 0 && is_structure(frames_[depth_ - 1].what->kind);
}

inline const shape* struct_reader::awaited() const noexcept {
    if (passes_over() || done_) return nullptr;
    const auto* what = &root_;
    if (depth_ > 0) {
        const auto& in = frames_[depth_ - 1];
        if (in.current == none && in.what->kind != shape_kind::list) return nullptr;
        what = in.one_by_one ? &in.comes->inner() : in.comes;
    }
    return what->kind == shape_kind::optional ? &what->inner() : what;
}

}  // namespace mydht::wire
