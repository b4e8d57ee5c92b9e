#include "wire/struct_reader.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include <mydht/core/address.hpp>

#include "wire/utf8.hpp"

namespace mydht::wire {

namespace {

/// The bit in frame::seen for alternatives that this build does not know; field_number_max leaves it free.
constexpr std::uint64_t unknown_bit = std::uint64_t{1} << 63U;
static_assert(field_number_max < 63);

/// The index of the field with this number; how many there are when there is none.
std::size_t index_of(std::span<const field> fields, std::uint64_t number) noexcept {
    // Numbers have gaps where fields are gone.
    const auto likely = static_cast<std::size_t>(number - 1);
    if (likely < fields.size() && fields[likely].number == number) return likely;
    const auto found = std::ranges::find_if(fields, [number](const field& one) { return one.number == number; });
    return static_cast<std::size_t>(found - fields.begin());
}

/// The same by name. `likely`: where to look first.
std::size_t index_of(std::span<const field> fields, std::string_view name, std::size_t likely) noexcept {
    if (likely < fields.size() && fields[likely].name == name) return likely;
    const auto found = std::ranges::find(fields, name, &field::name);
    return static_cast<std::size_t>(found - fields.begin());
}

}  // namespace

struct_reader::struct_reader(const shape& root, void* object, const decode_limits& limits, decode_error& why)
    : root_(root), object_(object), limits_(limits), why_(why) {}

// --- where values go -------------------------------------------------------------------------------------------------

bool struct_reader::name(std::string_view name) {
    if (passed_ > 0) return !failed_;
    if (!awaits_name()) return fail(errc::malformed);
    const auto& in = frames_[depth_ - 1];
    // They mostly come in their order.
    const auto next = static_cast<std::size_t>(std::bit_width(in.seen));
    return select(index_of(in.what->fields, name, next), false);
}

bool struct_reader::short_name(std::string_view name) {
    if (passed_ > 0) return !failed_;
    if (!awaits_name()) return fail(errc::malformed);
    return select(index_of(frames_[depth_ - 1].what->fields, number_of_short_name(name)), false);
}

bool struct_reader::number(std::uint64_t number) {
    if (passed_ > 0) return !failed_;
    if (!awaits_name()) return fail(errc::malformed);
    return select(index_of(frames_[depth_ - 1].what->fields, number), true);
}

inline bool struct_reader::select(std::size_t index, bool one_by_one) {
    auto& in = frames_[depth_ - 1];
    if (index == in.what->fields.size()) return select_unknown();
    in.current = index;
    in.comes = &in.what->fields[index].what();
    in.one_by_one = one_by_one && in.comes->kind == shape_kind::list;
    const auto bit = std::uint64_t{1} << index;
    const bool again = in.what->kind == shape_kind::choice ? in.seen != 0 : (in.seen & bit) != 0;
    if (again && !in.one_by_one) return fail(errc::malformed);
    if (in.one_by_one && !again) in.comes->clear(in.what->fields[index].of(in.object));
    in.seen |= bit;
    pass_next_ = false;
    return true;
}

bool struct_reader::select_unknown() {
    auto& in = frames_[depth_ - 1];
    in.current = none;
    pass_next_ = true;
    if (in.what->kind != shape_kind::choice) return true;
    if (in.seen != 0) return fail(errc::malformed);
    in.seen = unknown_bit;
    // The rest is still to be read, so that it is known whether it is a message at all.
    unsupported_ = true;
    note(errc::not_supported);
    return true;
}

bool struct_reader::awaits_element() const noexcept {
    return !passes_over() && depth_ > 0 && frames_[depth_ - 1].current != none && frames_[depth_ - 1].one_by_one;
}

inline std::size_t struct_reader::levels() const noexcept { return depth_ == 0 ? 0 : frames_[depth_ - 1].level; }

inline bool struct_reader::is_too_deep(std::size_t level) const noexcept {
    return level > std::min(limits_.nesting, nesting_max);
}

inline bool struct_reader::take_element(const shape& list, void* object, std::size_t limit, slot& out) {
    if (list.count(object) >= limit || elements_ >= limits_.elements) return fail(errc::too_large);
    ++elements_;
    out.object = list.add(object, 0);
    out.limit = limits_.message_bytes;
    return true;
}

inline bool struct_reader::take_member(frame& in, slot& out) {
    // A value without a name before it.
    if (in.current == none) return fail(errc::malformed);
    const auto& member = in.what->fields[in.current];
    out.what = in.comes;
    out.limit = member.limit_among(limits_, *in.comes);
    if (in.what->kind == shape_kind::choice) {
        out.object = in.what->add(in.object, in.current);
        return true;
    }
    out.object = member.of(in.object);
    if (!in.one_by_one) return true;
    // The list, which nothing began.
    if (is_too_deep(in.level + 1)) return fail(errc::too_large);
    out.what = &in.comes->inner();
    return take_element(*in.comes, out.object, out.limit, out);
}

inline bool struct_reader::take(slot& out) {
    if (failed_ || done_) return fail(errc::malformed);
    if (depth_ == 0) {
        out = {&root_, object_, limits_.elements};
    } else if (auto& in = frames_[depth_ - 1]; in.what->kind == shape_kind::list) {
        out.what = in.comes;
        if (!take_element(*in.what, in.object, in.limit, out)) return false;
    } else if (!take_member(in, out)) {
        return false;
    }
    if (out.what->kind == shape_kind::optional) {
        out.object = out.what->add(out.object, 0);
        out.what = &out.what->inner();
    }
    return true;
}

// --- what is passed over ---------------------------------------------------------------------------------------------

bool struct_reader::pass_value() {
    if (passed_ == 0) pass_next_ = false;
    return !failed_;
}

bool struct_reader::pass_begin() {
    pass_next_ = false;
    ++passed_;
    if (is_too_deep(levels() + passed_)) return fail(errc::too_large);
    return !failed_;
}

// --- structures ------------------------------------------------------------------------------------------------------

inline bool struct_reader::enter(const slot& to) {
    const bool in_list = depth_ > 0 && frames_[depth_ - 1].one_by_one;
    const auto level = levels() + (in_list ? 2 : 1);
    if (is_too_deep(level)) return fail(errc::too_large);
    const shape* comes = nullptr;
    if (to.what->kind == shape_kind::list) {
        comes = &to.what->inner();
        to.what->clear(to.object);
    }
    frames_[depth_++] = {to.what, to.object, to.limit, level, none, comes, 0, false};
    return true;
}

inline bool struct_reader::leave() {
    --depth_;
    if (depth_ == 0 && unsupported_) {
        failed_ = true;
        return false;
    }
    settle();
    return true;
}

/// The value that was awaited is there: that of the root, or of the field that was named last.
inline void struct_reader::settle() noexcept {
    if (depth_ == 0)
        done_ = true;
    else
        frames_[depth_ - 1].current = none;
}

bool struct_reader::begin_record() {
    if (passes_over()) return pass_begin();
    slot to;
    if (!take(to)) return false;
    return is_structure(to.what->kind) ? enter(to) : fail(errc::malformed);
}

/// What did not come is empty. A choice cannot be: it has to be there, and to have made its choice, and so has what has
/// one inside; the field that is missed is then the current one.
inline bool struct_reader::complete(frame& in) {
    if (in.what->kind == shape_kind::choice) return in.seen != 0;
    const auto all = (std::uint64_t{1} << in.what->fields.size()) - 1;
    for (auto missing = all & ~in.seen; missing != 0; missing &= missing - 1) {
        const auto index = static_cast<std::size_t>(std::countr_zero(missing));
        const auto& member = in.what->fields[index];
        if (make_absent(member.what(), member.of(in.object))) continue;
        in.current = index;
        return false;
    }
    return in.what->complete == nullptr || in.what->complete(in.object);
}

bool struct_reader::end_record() {
    if (failed_) return false;
    if (passed_ > 0) {
        --passed_;
        return true;
    }
    if (depth_ == 0) return fail(errc::malformed);
    auto& in = frames_[depth_ - 1];
    if (!is_structure(in.what->kind) || !complete(in)) return fail(errc::malformed);
    return leave();
}

bool struct_reader::begin_list() {
    if (passes_over()) return pass_begin();
    slot to;
    if (!take(to)) return false;
    return to.what->kind == shape_kind::list ? enter(to) : fail(errc::malformed);
}

bool struct_reader::end_list() {
    if (failed_) return false;
    if (passed_ > 0) {
        --passed_;
        return true;
    }
    if (depth_ == 0 || frames_[depth_ - 1].what->kind != shape_kind::list) return fail(errc::malformed);
    return leave();
}

// --- values ----------------------------------------------------------------------------------------------------------

inline bool struct_reader::set(std::uint64_t value, shape_kind kind) {
    slot to;
    if (!take(to)) return false;
    if (to.what->kind != kind || !to.what->set_number(to.object, value)) return fail(errc::malformed);
    settle();
    return true;
}

bool struct_reader::boolean(bool value) {
    return passes_over() ? pass_value() : set(value ? 1 : 0, shape_kind::boolean);
}

bool struct_reader::natural(std::uint64_t value) {
    if (passes_over()) return pass_value();
    const auto* what = awaited();
    if (what != nullptr && what->kind == shape_kind::real) return real(static_cast<double>(value));
    if (what == nullptr || what->kind != shape_kind::integer) return set(value, shape_kind::natural);
    // A parser calls what is not negative natural, whatever the field is.
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return fail(errc::malformed);
    return set(value, shape_kind::integer);
}

bool struct_reader::integer(std::int64_t value) {
    if (passes_over()) return pass_value();
    if (value >= 0) return natural(static_cast<std::uint64_t>(value));
    const auto* what = awaited();
    if (what != nullptr && what->kind == shape_kind::real) return real(static_cast<double>(value));
    return set(static_cast<std::uint64_t>(value), shape_kind::integer);
}

bool struct_reader::real(double value) {
    return passes_over() ? pass_value() : set(std::bit_cast<std::uint64_t>(value), shape_kind::real);
}

bool struct_reader::assign_place(const slot& to, bytes_view value) {
    if (value.empty()) return fail(errc::malformed);
    const auto got = address::from_bytes(static_cast<address_kind>(value.front()), value.subspan(1));
    if (!got || got->empty()) return fail(errc::malformed);
    *static_cast<address*>(to.object) = *got;
    settle();
    return true;
}

inline bool struct_reader::assign(bytes_view value, bool may_be_text, bool may_be_binary) {
    if (passes_over()) return pass_value();
    slot to;
    if (!take(to)) return false;
    const auto kind = to.what->kind;
    bool fine = false;
    if (kind == shape_kind::text && may_be_text) {
        if (value.size() > to.limit) return fail(errc::too_large);
        fine = is_utf8(value) && to.what->assign(to.object, value);
    } else if (kind == shape_kind::binary && may_be_binary) {
        if (value.size() > to.limit) return fail(errc::too_large);
        fine = to.what->assign(to.object, value);
    } else if (kind == shape_kind::place && may_be_binary) {
        return assign_place(to, value);
    }
    if (!fine) return fail(errc::malformed);
    settle();
    return true;
}

bool struct_reader::text(std::string_view value) { return assign(as_bytes(value), true, false); }

bool struct_reader::binary(bytes_view value) { return assign(value, false, true); }

bool struct_reader::octets(bytes_view value) { return assign(value, true, true); }

bool struct_reader::nothing() {
    if (passes_over()) return pass_value();
    if (failed_ || depth_ == 0 || frames_[depth_ - 1].what->kind != shape_kind::record) return fail(errc::malformed);
    const auto& in = frames_[depth_ - 1];
    const bool fine = in.current != none && make_absent(*in.comes, in.what->fields[in.current].of(in.object));
    if (!fine) return fail(errc::malformed);
    settle();
    return true;
}

// --- errors ----------------------------------------------------------------------------------------------------------

std::string struct_reader::path() const {
    std::string out;
    for (std::size_t i = 0; i < depth_; ++i) {
        const auto& in = frames_[i];
        if (in.what->kind == shape_kind::list || in.current == none) continue;
        if (!out.empty()) out += '.';
        out += in.what->fields[in.current].name;
    }
    return out;
}

void struct_reader::note(errc code) {
    why_.code = code;
    why_.offset = offset_;
    why_.field = path();
}

bool struct_reader::fail(errc code) {
    if (!failed_) note(code);
    failed_ = true;
    return false;
}

}  // namespace mydht::wire
