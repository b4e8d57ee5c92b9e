#include <mydht/toml/load_rules.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include <mydht/core/limits.hpp>

#include "toml/fields.hpp"

namespace mydht {

namespace {

using detail::mistake;

/// More than rules can ever need; what is longer was given by mistake.
constexpr std::size_t file_bytes_max = 1 << 20;
constexpr std::string_view preset_name = "preset";
constexpr std::string_view band_name = "band";
constexpr std::string_view relays_name = "relays";

std::vector<detail::field> fields_of(travel_band& band) {
    using namespace detail;
    return {small_number("from_priority", band.from_priority),
            small_number("hops", band.hops),
            small_number("wander", band.wander),
            small_number("fan_out", band.fan_out),
            small_number("spread", band.spread),
            small_number("put_spread", band.put_spread),
            small_number("rounds", band.rounds),
            time_span("lifetime", band.lifetime),
            flag("along_the_path", band.along_the_path),
            flag("cached", band.cached),
            small_number("hops_max", band.hops_max),
            small_number("fan_out_max", band.fan_out_max),
            small_number("spread_max", band.spread_max),
            time_span("lifetime_max", band.lifetime_max),
            flag("forwards_requests", band.forwards_requests),
            flag("keeps_ends", band.keeps_ends),
            flag("keeps_passing", band.keeps_passing),
            flag("caches", band.caches),
            time_span("cache_lifetime", band.cache_lifetime),
            share("level_links", band.level_links),
            share("not_found_share", band.not_found_share)};
}

std::vector<detail::field> fields_of(relay_limits& relays) {
    using namespace detail;
    return {rate("queries", relays.queries), rate("prefix_queries", relays.prefix_queries),
            rate("kibibytes", relays.kibibytes), rate("prefix_kibibytes", relays.prefix_kibibytes),
            number("entries_max", relays.entries_max)};
}

/// Those that stand before the bands.
std::vector<detail::field> fields_of(rule_set& set) {
    using namespace detail;
    auto& rules = set.forwarding;
    const auto choose = [&set](std::string_view name) {
        if (name == "flat") {
            set.table = flat_table_config();
        } else {
            set.table = kbucket_config();
        }
    };
    return {small_number("priority", rules.priority),
            small_number("trace_max", rules.trace_max),
            flag("hide", rules.hide),
            number("walks", rules.walks),
            number("walks_at_once", rules.walks_at_once),
            small_number("results_max", rules.results_max),
            number("under_way_max", rules.under_way_max),
            small_number("busy_priority", rules.busy_priority),
            number("under_way_peer", rules.under_way_peer),
            number("under_way_bytes", rules.under_way_bytes),
            number("tags_max", rules.tags_max),
            number("requests_max", rules.requests_max),
            number("requests_peer", rules.requests_peer),
            number("requests_remembered", rules.requests_remembered),
            word("table", {"kbucket", "flat"}, choose)};
}

/// Why validate() refuses a field of a band, and what to do about it.
std::string remedy_of(std::string_view name, const travel_band& band) {
    const auto at_most = [](int from, int most, std::string_view of) {
        return "give " + std::to_string(from) + " to " + std::string(of) + ", which is " + std::to_string(most);
    };
    if (name == "from_priority") return "the first band begins at 0, and each one above the one before it";
    if (name == "hops")
        return std::to_string(band.hops) + " is more than may be; " + at_most(0, band.hops_max, "hops_max");
    if (name == "wander")
        return std::to_string(band.wander) + " is more than there are; " + at_most(0, band.hops, "hops");
    if (name == "fan_out")
        return std::to_string(band.fan_out) + " cannot be; " + at_most(1, band.fan_out_max, "fan_out_max");
    if (name == "spread")
        return std::to_string(band.spread) + " cannot be; " + at_most(1, band.spread_max, "spread_max");
    if (name == "put_spread")
        return std::to_string(band.put_spread) + " cannot be; " + at_most(1, band.spread_max, "spread_max");
    if (name == "lifetime")
        return "longer than lifetime_max; give at most " + std::to_string(band.lifetime_max.count()) + " ms";
    if (name == "cache_lifetime")
        return "longer than a value may live; give at most " + std::to_string(limits::value_lifetime_max.count()) +
               " h";
    if (name == "level_links") return "no such share; give 0 to 0.5";
    if (name == "not_found_share") return "no such share; give more than 0, up to 1";
    return "give at least 1";
}

std::string remedy_of(std::string_view name) {
    if (name == "trace_max") return "give 0 to " + std::to_string(limits::trace_per_message);
    if (name == "results_max") return "give 1 to " + std::to_string(limits::values_per_message);
    return "give at least 1";
}

/// A field that cannot be need not stand in the file: another one may have made it wrong.
std::string source_of(const toml::table& table, const std::string& name) {
    return table.contains(name) || name == "from_priority" ? "" : ", which is not given and is as the preset has it";
}

std::string remedy_of_relays(std::string_view name) {
    const auto at_least = [](std::uint32_t per_second, std::uint32_t burst) {
        return "give at least " + std::to_string(per_second) +
               " per_second, at most 1000000, and a burst of at least " + std::to_string(burst);
    };
    if (name == "queries" || name == "prefix_queries") return at_least(relay_queries_min, relay_queries_min);
    if (name == "entries_max") return "give at least 1";
    return at_least(passed_for_one, relay_kibibytes_min) + ", which is the largest value in each part";
}

/// The rules of one file, in the making.
class reader {
public:
    explicit reader(const toml::table& file) : file_(file) {}

    [[nodiscard]] std::optional<mistake> read(rule_set& into);

private:
    [[nodiscard]] std::optional<mistake> read_preset(rule_set& into);
    [[nodiscard]] std::optional<mistake> read_relays(relay_limits& into);
    [[nodiscard]] std::optional<mistake> read_bands(travel_rules& into);
    [[nodiscard]] std::optional<mistake> check(const travel_rules& rules) const;
    /// The line of a field, or of its table where it is not given.
    [[nodiscard]] static std::size_t line_in(const toml::table& table, std::string_view name);

    const toml::table& file_;
    const toml::table* relays_ = nullptr;
    std::vector<const toml::table*> bands_;
};

std::optional<mistake> reader::read(rule_set& into) {
    if (auto wrong = read_preset(into)) return wrong;
    auto fields = fields_of(into);
    // Read before and after the others.
    for (const auto name : {preset_name, relays_name, band_name})
        fields.push_back({name, [](const toml::node&) { return ""; }});
    if (auto wrong = detail::read_table(file_, fields)) return wrong;
    if (auto wrong = read_relays(into.forwarding.relays)) return wrong;
    auto& rules = into.forwarding;
    if (!file_.contains("walks_at_once")) rules.walks_at_once = std::min(rules.walks_at_once, rules.walks);
    if (auto wrong = read_bands(into.forwarding)) return wrong;
    return check(into.forwarding);
}

std::optional<mistake> reader::read_preset(rule_set& into) {
    const auto* given = file_.get(preset_name);
    if (given == nullptr) return {};
    const auto take = [&into](std::string_view name) { into = *preset(name); };
    auto wrong = detail::word(preset_name, {preset_names.begin(), preset_names.end()}, take).take(*given);
    if (wrong.empty()) return {};
    return mistake{detail::line_of(*given), "preset: " + wrong};
}

std::optional<mistake> reader::read_relays(relay_limits& into) {
    const auto* given = file_.get(relays_name);
    if (given == nullptr) return {};
    relays_ = given->as_table();
    if (relays_ != nullptr) return detail::read_table(*relays_, fields_of(into));
    return mistake{detail::line_of(*given), "relays: no table; write [relays], and its fields on the lines below"};
}

std::optional<mistake> reader::read_bands(travel_rules& into) {
    const auto* given = file_.get(band_name);
    if (given == nullptr) return {};
    const auto* list = given->as_array();
    if (list == nullptr || !list->is_array_of_tables()) {
        return mistake{detail::line_of(*given),
                       "band: no list of tables; write [[band]], and its fields on the lines below"};
    }
    std::vector<travel_band> bands;
    for (const auto& each : *list) {
        const auto& table = *each.as_table();
        // What a band leaves out is as it was for its priority.
        travel_band priority_only;
        const auto* from = table.get("from_priority");
        if (from != nullptr) {
            const auto only = detail::small_number("from_priority", priority_only.from_priority);
            if (auto wrong = only.take(*from); !wrong.empty()) {
                return mistake{detail::line_of(*from), "from_priority: " + wrong};
            }
        }
        auto band = into.band(priority_only.from_priority);
        band.from_priority = priority_only.from_priority;
        if (auto wrong = detail::read_table(table, fields_of(band))) return wrong;
        // Who says how far a query goes need not say that no more of it is at random.
        if (!table.contains("wander")) band.wander = std::min(band.wander, band.hops);
        bands.push_back(band);
        bands_.push_back(&table);
    }
    into.bands = std::move(bands);
    return {};
}

std::size_t reader::line_in(const toml::table& table, std::string_view name) {
    const auto* found = table.get(name);
    return found != nullptr ? detail::line_of(*found) : detail::line_of(table);
}

std::optional<mistake> reader::check(const travel_rules& rules) const {
    std::string where;
    if (validate(rules, &where)) return {};
    const auto name = where.substr(where.rfind('.') + 1);
    if (relays_ != nullptr && where.find(".relays.") != std::string::npos) {
        return mistake{line_in(*relays_, name), name + ": " + remedy_of_relays(name)};
    }
    for (std::size_t i = 0; i < bands_.size(); ++i) {
        if (where.find("bands[" + std::to_string(i) + "]") == std::string::npos) continue;
        return mistake{line_in(*bands_[i], name),
                       name + source_of(*bands_[i], name) + ": " + remedy_of(name, rules.bands[i])};
    }
    if (name == "walks_at_once" && rules.walks > 0) {
        return mistake{line_in(file_, name), name + ": give 1 to walks, which is " + std::to_string(rules.walks)};
    }
    return mistake{line_in(file_, name), name + source_of(file_, name) + ": " + remedy_of(name)};
}

/// toml++ says in one sentence what it did not expect.
mistake syntax_error(const toml::parse_error& error) {
    std::string text(error.description());
    for (auto& c : text) c = static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    return {error.source().begin.line, "no TOML: " + text};
}

result<rule_set> refused(std::string_view name, const mistake& wrong, std::string* problem) {
    if (problem != nullptr) *problem = std::string(name) + ":" + std::to_string(wrong.line) + ": " + wrong.text;
    return failure(errc::bad_configuration);
}

}  // namespace

result<rule_set> parse_rules(std::string_view text, std::string_view name, std::string* problem) {
    const auto parsed = toml::parse(text);
    if (!parsed) return refused(name, syntax_error(parsed.error()), problem);
    rule_set out;
    if (const auto wrong = reader(parsed.table()).read(out)) return refused(name, *wrong, problem);
    return out;
}

result<rule_set> load_rules(const std::filesystem::path& file, std::string* problem) {
    std::ifstream in(file, std::ios::binary);
    std::string text(file_bytes_max + 1, '\0');
    // A folder opens, and fails when it is read.
    if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!in.is_open() || in.bad()) {
        if (problem != nullptr) *problem = file.native() + ": " + make_error_code(errc::file_unreadable).message();
        return failure(errc::file_unreadable);
    }
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > file_bytes_max)
        return refused(file.native(), {1, "longer than any rules; give a TOML file"}, problem);
    return parse_rules(text, file.native(), problem);
}

}  // namespace mydht
