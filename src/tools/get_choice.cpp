#include "tools/get_choice.hpp"

#include "tools/parse.hpp"

namespace mydht::tools {

void get_choice::declare(command_line& line, std::string_view key_help) {
    declare_client(line, client);
    declare_travel(line, travel);
    declare_results(line, travel,
                    "So many copies of a value of an author are enough; with direct, so many peers bring one");
    declare_rounds(line, travel);
    declare_rules(line, client.rules);
    line.flag(
        "--hide", hide,
        "Proxied, and so that peers cannot tell who asks from who passes it on; no anonymity. Needs --listen: for "
        "this it passes on what others ask, which is little when it has just joined, and so hides little");
    line.positional<id256>("KEY", key, parse_id, key_help);
}

outcome<void> get_choice::check(bool value) {
    client.serves = value && hides();
    if (client.serves) {
        if (auto fits = travel.check_hiding(hide, client.rules.forwarding); !fits) return fits;
    }
    if (auto fits = travel.check(client.rules.forwarding, client.serves); !fits) return fits;
    if (!key) return missing_argument("KEY", "give the key that mydht put or mydht publish printed");
    if (auto enough = require_bootstrap(client); !enough) return enough;
    client.listen = travel.reachable();
    return {};
}

get_options get_choice::options(std::chrono::milliseconds left) const {
    get_options out;
    out.timeout(left);
    travel.apply(out);
    if (travel.results) out.results(static_cast<std::size_t>(*travel.results));
    if (travel.rounds) out.rounds(static_cast<std::uint8_t>(*travel.rounds));
    if (hide) out.hide();
    return out;
}

}  // namespace mydht::tools
