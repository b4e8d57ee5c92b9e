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

result<void> check_writable(const shape& what, const void* object) {
    switch (what.kind) {
        case shape_kind::text: return is_utf8(what.view(object)) ? result<void>() : failure(errc::bad_argument);
        case shape_kind::record: {
            for (const auto& one : what.fields) {
                if (auto fine = check_writable(one.what(), one.in(object)); !fine) return fine;
            }
            return {};
        }
        case shape_kind::choice: {
            const auto index = what.count(object);
            return check_writable(what.fields[index].what(), what.at(object, index));
        }
        case shape_kind::list:
        case shape_kind::optional: {
            const auto& inner = what.inner();
            for (std::size_t i = 0; i < what.count(object); ++i) {
                const auto* one = what.at(object, i);
                const bool missing = inner.kind == shape_kind::place && is_empty(inner, one);
                if (missing) return failure(errc::bad_argument);
                if (auto fine = check_writable(inner, one); !fine) return fine;
            }
            return {};
        }
        default: return {};
    }
}

void make_empty(const shape& what, void* object) {
    for (const auto& one : what.fields) {
        const auto& inner = one.what();
        auto* member = one.of(object);
        if (inner.set_number != nullptr) (void)inner.set_number(member, 0);
        if (inner.kind == shape_kind::record) make_empty(inner, member);
    }
}

}  // namespace mydht::wire
