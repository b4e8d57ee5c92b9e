#include <asio/io_context.hpp>

#include <mydht/node/node.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace std::chrono_literals;

namespace {

std::string refused_field(const std::function<void(node_config&)>& break_it) {
    node_config config;
    break_it(config);
    std::string field;
    const auto judged = validate(config, &field);
    REQUIRE_FALSE(judged);
    CHECK(judged.error() == errc::bad_configuration);
    return field;
}

}  // namespace

TEST_CASE("the default configuration is valid", "[node_config]") { CHECK(validate(node_config())); }

TEST_CASE("a configuration that can never work is refused by the field's name", "[node_config]") {
    CHECK(refused_field([](node_config& c) { c.queries.k = 0; }) == "queries.k");
    CHECK(refused_field([](node_config& c) { c.queries.k = limits::contacts_per_message + 1; }) == "queries.k");
    CHECK(refused_field([](node_config& c) { c.queries.alpha = 0; }) == "queries.alpha");
    CHECK(refused_field([](node_config& c) { c.queries.disjoint_paths = 0; }) == "queries.disjoint_paths");
    CHECK(refused_field([](node_config& c) { c.queries.disjoint_paths = 9; }) == "queries.disjoint_paths");
    CHECK(refused_field([](node_config& c) { c.queries.hard_timeout = c.queries.soft_timeout - 1ms; }) ==
          "queries.hard_timeout");
    CHECK(refused_field([](node_config& c) { c.queries.value_lifetime = 49h; }) == "queries.value_lifetime");
    CHECK(refused_field([](node_config& c) {
              kbucket_config nobody;
              nobody.k = 0;
              c.table = nobody;
          }) == "table");
    CHECK(refused_field([](node_config& c) { c.table = trust_table_config(); }) == "table");
    CHECK(refused_field([](node_config& c) { c.table = table_choice(table_choice::maker()); }) == "table");
    CHECK(refused_field([](node_config& c) { c.store_bounds.bytes_max = 0; }) == "store_bounds");
    CHECK(refused_field([](node_config& c) { c.refresh_after = 0ms; }) == "refresh_after");
    CHECK(refused_field([](node_config& c) { c.bootstrap_retry_max = 1ms; }) == "bootstrap_retry_max");
    CHECK(refused_field([](node_config& c) { c.stop_grace = -1ms; }) == "stop_grace");
    CHECK(refused_field([](node_config& c) { c.sessions.requests_max = 0; }).starts_with("sessions."));
}

TEST_CASE("a node refuses such a configuration when it is made", "[node_config]") {
    asio::io_context context(1);
    const auto env = make_environment(context.get_executor());
    node_config config;
    config.queries.k = 0;
    CHECK_THROWS_AS(node(env, std::move(config)), std::invalid_argument);
}
