#include <mydht/wire/shape.hpp>

#include <algorithm>
#include <array>

#include <mydht/core/address.hpp>

#include "wire/utf8.hpp"

namespace mydht::wire {

namespace {

constexpr std::size_t letters = 26;
/// 'z' only begins names of two letters, so that they sort behind all others.
constexpr std::size_t single = letters - 1;
static_assert(single + letters == field_number_max);

struct short_names {
    std::array<std::array<char, 2>, field_number_max> text{};

    constexpr short_names() {
        for (std::size_t i = 0; i < text.size(); ++i) {
            const bool is_single = i < single;
            text[i][0] = is_single ? static_cast<char>('a' + i) : 'z';
            text[i][1] = is_single ? '\0' : static_cast<char>('a' + (i - single));
        }
    }
};

constexpr short_names names;

}  // namespace

std::string_view field::short_name() const noexcept {
    const auto index = std::size_t{number} - 1;
    return {names.text[index].data(), index < single ? 1U : 2U};
}

std::uint8_t number_of_short_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > 2) return 0;
    const auto last = static_cast<std::size_t>(name.back() - 'a');
    if (name.back() < 'a' || last >= letters) return 0;
    if (name.size() == 1) return last < single ? static_cast<std::uint8_t>(last + 1) : std::uint8_t{0};
    return name.front() == 'z' ? static_cast<std::uint8_t>(single + last + 1) : std::uint8_t{0};
}

bool is_empty(const shape& what, const void* object) {
    switch (what.kind) {
        case shape_kind::boolean:
        case shape_kind::natural:
        case shape_kind::integer:
        case shape_kind::real: return what.number(object) == 0;
        case shape_kind::text: return what.view(object).empty();
        case shape_kind::binary: {
            const auto data = what.view(object);
            if (what.fixed_bytes == 0) return data.empty();
            return std::ranges::all_of(data, [](auto byte) { return byte == 0; });
        }
        case shape_kind::place: return static_cast<const address*>(object)->empty();
        case shape_kind::list:
        case shape_kind::optional: return what.count(object) == 0;
        case shape_kind::record:
        case shape_kind::choice: break;
    }
    return false;
}

namespace {

/// Goes through an object as a reader of it will, and counts as the reader does.
class write_check {
public:
    explicit write_check(const decode_limits& limits) noexcept : limits_(limits) {}

    /// `around`: how many levels lie around the object.
    result<void> value(const shape& what, const void* object, std::size_t limit, std::size_t around) {
        switch (what.kind) {
            case shape_kind::natural:
                return what.number(object) <= what.number_max ? result<void>() : failure(errc::bad_argument);
            case shape_kind::text: return text(what.view(object), limit);
            case shape_kind::binary:
                return what.view(object).size() <= limit ? result<void>() : failure(errc::too_large);
            case shape_kind::record: return record(what, object, around);
            case shape_kind::choice: return choice(what, object, around);
            case shape_kind::list: return list(what, object, limit, around);
            case shape_kind::optional:
                if (what.count(object) == 0) return {};
                return content(what.inner(), what.at(object, 0), limit, around);
            default: return {};
        }
    }

private:
    [[nodiscard]] bool is_too_deep(std::size_t around) const noexcept {
        return around >= std::min(limits_.nesting, nesting_max);
    }

    static result<void> text(bytes_view value, std::size_t limit) {
        if (value.size() > limit) return failure(errc::too_large);
        return is_utf8(value) ? result<void>() : failure(errc::bad_argument);
    }

    /// What is written even when it is empty.
    result<void> content(const shape& what, const void* object, std::size_t limit, std::size_t around) {
        const bool missing = what.kind == shape_kind::place && is_empty(what, object);
        return missing ? failure(errc::bad_argument) : value(what, object, limit, around);
    }

    result<void> record(const shape& what, const void* object, std::size_t around) {
        if (is_too_deep(around)) return failure(errc::too_large);
        for (const auto& one : what.fields) {
            const auto& inner = one.what();
            auto fine = value(inner, one.in(object), one.limit_among(limits_, inner), around + 1);
            if (!fine) return fine;
        }
        const bool complete = what.is_complete == nullptr || what.is_complete(object);
        return complete ? result<void>() : failure(errc::bad_argument);
    }

    result<void> choice(const shape& what, const void* object, std::size_t around) {
        if (is_too_deep(around)) return failure(errc::too_large);
        const auto index = what.count(object);
        // An exception was thrown while the variant was given another value.
        if (index == what.fields.size()) return failure(errc::bad_argument);
        return content(what.fields[index].what(), what.at(object, index), limits_.message_bytes, around + 1);
    }

    result<void> list(const shape& what, const void* object, std::size_t limit, std::size_t around) {
        const auto count = what.count(object);
        if (count == 0) return {};
        const bool fits = count <= limit && count <= limits_.elements - elements_ && !is_too_deep(around);
        if (!fits) return failure(errc::too_large);
        elements_ += count;
        for (std::size_t i = 0; i < count; ++i) {
            auto fine = content(what.inner(), what.at(object, i), limits_.message_bytes, around + 1);
            if (!fine) return fine;
        }
        return {};
    }

    const decode_limits& limits_;
    std::size_t elements_ = 0;
};

}  // namespace

result<void> check_writable(const shape& what, const void* object, const decode_limits& limits) {
    return write_check(limits).value(what, object, limits.message_bytes, 0);
}

bool make_absent(const shape& what, void* object) {
    if (what.kind == shape_kind::choice) return false;
    if (what.kind != shape_kind::record) {
        what.clear(object);
        return true;
    }
    const bool fine = std::ranges::all_of(
        what.fields, [object](const field& one) { return make_absent(one.what(), one.of(object)); });
    return fine && (what.complete == nullptr || what.complete(object));
}

}  // namespace mydht::wire
