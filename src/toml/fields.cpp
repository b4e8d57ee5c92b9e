#include "toml/fields.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <utility>

namespace mydht::detail {

namespace {

using std::chrono::milliseconds;

struct unit {
    std::string_view name;
    std::int64_t length;
};
constexpr unit units[] = {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
/// Longer than any time that rules may name, and short enough to be counted in every unit.
constexpr std::int64_t days_max = 3'650;

constexpr std::string_view usual_duration = "give a whole number above zero and ms, s, m, h or d, as in \"30 s\"";
/// Enough to recognise what was written in a message that stays one line.
constexpr std::size_t quoted_max = 60;

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text.substr(0, quoted_max)) out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    return out + (text.size() > quoted_max ? "...\"" : "\"");
}

std::optional<milliseconds> parse_duration(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    auto rest = text.substr(static_cast<std::size_t>(end - text.data()));
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    const auto found = std::ranges::find(units, rest, &unit::name);
    const bool known = error == std::errc() && found != std::end(units);
    if (!known || number <= 0 || number > days_max * units[4].length / found->length) return {};
    return milliseconds(number * found->length);
}

bool has_no_unit(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

complaint take_duration(const toml::node& given, const std::function<void(milliseconds)>& into) {
    const auto without = [](const std::string& n) {
        return n + " has no unit; write " + quoted(n + " s") + " if seconds are meant";
    };
    if (const auto* whole = given.as_integer()) return without(std::to_string(whole->get()));
    const auto* text = given.as_string();
    if (text == nullptr) return std::string(usual_duration);
    if (has_no_unit(text->get())) return without(text->get().substr(0, quoted_max));
    const auto length = parse_duration(text->get());
    if (!length) return quoted(text->get()) + " is no duration; " + std::string(usual_duration);
    into(*length);
    return {};
}

complaint take_number(const toml::node& given, std::int64_t most, const std::function<void(std::int64_t)>& into) {
    const auto range = "give a whole number from 0 to " + std::to_string(most);
    const auto* whole = given.as_integer();
    if (whole == nullptr) return "no whole number; " + range;
    if (whole->get() < 0 || whole->get() > most) return std::to_string(whole->get()) + " is out of range; " + range;
    into(whole->get());
    return {};
}

std::string list_of(const std::vector<std::string_view>& names) {
    std::string out;
    for (const auto name : names) out.append(out.empty() ? "" : ", ").append(name);
    return out;
}

}  // namespace

field small_number(std::string_view name, std::uint8_t& into) {
    return {name, [&into](const toml::node& given) {
                return take_number(given, std::numeric_limits<std::uint8_t>::max(),
                                   [&into](std::int64_t n) { into = static_cast<std::uint8_t>(n); });
            }};
}

field number(std::string_view name, std::size_t& into) {
    return {name, [&into](const toml::node& given) {
                return take_number(given, 1'000'000'000,
                                   [&into](std::int64_t n) { into = static_cast<std::size_t>(n); });
            }};
}

field rate(std::string_view name, rate_limit& into) {
    return {name, [&into](const toml::node& given) -> complaint {
                const auto* table = given.as_table();
                if (table == nullptr) return "no rate; give one as in { per_second = 200, burst = 800 }";
                const auto part = [](std::string_view of, std::uint32_t& to) -> field {
                    return {of, [&to](const toml::node& number) {
                                return take_number(number, 1'000'000'000,
                                                   [&to](std::int64_t n) { to = static_cast<std::uint32_t>(n); });
                            }};
                };
                const auto wrong = read_table(*table, {part("per_second", into.per_second), part("burst", into.burst)});
                return wrong ? wrong->text : complaint();
            }};
}

field share(std::string_view name, double& into) {
    return {name, [&into](const toml::node& given) -> complaint {
                const auto read = given.value<double>();
                if (!read || !given.is_number()) return "no number; give a share from 0 to 1, as in 0.25";
                into = *read;
                return {};
            }};
}

field flag(std::string_view name, bool& into) {
    return {name, [&into](const toml::node& given) -> complaint {
                const auto* read = given.as_boolean();
                if (read == nullptr) return "neither true nor false; give true or false, without quotes";
                into = read->get();
                return {};
            }};
}

field time_span(std::string_view name, milliseconds& into) {
    return {name, [&into](const toml::node& given) {
                return take_duration(given, [&into](milliseconds length) { into = length; });
            }};
}

field time_span(std::string_view name, std::optional<milliseconds>& into) {
    return {name, [&into](const toml::node& given) {
                return take_duration(given, [&into](milliseconds length) { into = length; });
            }};
}

field word(std::string_view name, std::vector<std::string_view> known, std::function<void(std::string_view)> into) {
    return {name, [known = std::move(known), into = std::move(into)](const toml::node& given) -> complaint {
                const auto* text = given.as_string();
                if (text == nullptr) return "no word in quotes; give one of " + list_of(known);
                const auto found = std::ranges::find(known, std::string_view(text->get()));
                if (found == known.end()) return quoted(text->get()) + " is not known; give one of " + list_of(known);
                into(*found);
                return {};
            }};
}

std::optional<mistake> read_table(const toml::table& given, const std::vector<field>& fields) {
    for (const auto& [key, value] : given) {
        const auto found = std::ranges::find(fields, key.str(), &field::name);
        if (found == fields.end()) {
            std::vector<std::string_view> names;
            for (const auto& each : fields) names.push_back(each.name);
            const auto text = quoted(key.str()) + " is no field here; the fields are " + list_of(names);
            return mistake{key.source().begin.line, text};
        }
        if (auto wrong = found->take(value); !wrong.empty()) {
            return mistake{line_of(value), std::string(key.str()) + ": " + wrong};
        }
    }
    return {};
}

}  // namespace mydht::detail
