#include <mydht/routing/table_choice.hpp>

#include <cassert>
#include <utility>

#include <mydht/routing/kbucket_table.hpp>

namespace mydht {

static_assert(routing_table<kbucket_table<node_id, contact>>);

table_choice::table_choice(const kbucket_config& config)
    : make_([config](const node_id& own, bool exempt_local) {
          auto mine = config;
          mine.exempt_local = exempt_local;
          return any_routing_table(kbucket_table<node_id, contact>(own, mine));
      }),
      valid_(validate(config).has_value()) {}

table_choice::table_choice(const flat_table_config& config)
    : make_([config](const node_id& own, bool exempt_local) {
          auto mine = config;
          mine.list.exempt_local = exempt_local;
          return any_routing_table(flat_table(own, std::move(mine)));
      }),
      valid_(validate(config.list).has_value()) {}

table_choice::table_choice(trust_table_config config) : valid_(validate(config).has_value()) {
    make_ = [config = std::move(config)](const node_id& own, bool exempt_local) {
        auto mine = config;
        mine.list.exempt_local = exempt_local;
        return any_routing_table(trust_table(own, std::move(mine)));
    };
}

result<void> table_choice::check() const {
    if (!make_ || !valid_) return failure(errc::bad_configuration);
    return {};
}

any_routing_table table_choice::make(const node_id& own, bool exempt_local) const {
    assert(check());
    return make_(own, exempt_local);
}

}  // namespace mydht
