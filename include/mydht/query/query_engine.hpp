#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mydht/query/forwarder.hpp>
#include <mydht/query/messenger.hpp>
#include <mydht/query/options.hpp>
#include <mydht/query/outcome.hpp>
#include <mydht/query/query_config.hpp>
#include <mydht/query/request_options.hpp>
#include <mydht/query/responder.hpp>
#include <mydht/query/response_time.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/value/namespaces.hpp>

namespace mydht {

namespace detail {
class find_copies;
}

/// Who asks: what a query needs to know of the node it runs on. The functions are called on the node's executor.
struct query_origin {
    node_id id;
    /// The kinds of address that the node can dial.
    wire::kind_mask kinds = 0;
    /// The node keeps values, so its own store counts among the replicas.
    bool keeps_values = false;
    /// The node listens on loopback or private addresses alone; see query_config::exempt_local.
    bool local_only = false;
    /// The nearest contacts that are known before anybody is asked.
    std::function<std::vector<contact>(const id256& target, std::size_t count)> known;
};

/// The queries of one node, each in the mode that its options say: walks towards a key and what is done at its end,
/// whose decisions are in the shortlist, or queries that travel, which are the forwarder's. Every query is one
/// coroutine that reads top to bottom.
class query_engine {
public:
    /// The referents must outlive the engine and its queries. connect() comes before the first query.
    query_engine(environment env, query_config config, responder& own, forwarder& forwarding, const namespaces& rules)
        : env_(std::move(env)), config_(config), own_(own), forwarding_(forwarding), rules_(rules) {}

    /// Says who asks, and through what.
    void connect(std::shared_ptr<messenger> via, query_origin origin) {
        via_ = std::move(via);
        origin_ = std::move(origin);
    }

    /// Walks to the target and completes when the nearest peers have answered, or at the deadline with what there is.
    /// `paths` disjoint ones. Errors: errc::no_peers when nobody is known; when nobody answered and somebody refused,
    /// why: errc::throttled, errc::peer_busy or errc::not_admitted.
    [[nodiscard]] task<result<lookup_report>> lookup(id256 target, std::size_t paths, steady_time deadline);

    /// The same as the options say. In another mode than iterative() it finds that peer alone. See node::lookup.
    [[nodiscard]] task<result<lookup_report>> lookup(id256 target, get_options options);

    /// Finds the value of a key. See node::get. The report is also written when the get fails.
    [[nodiscard]] task<result<get_report>> get(id256 where, get_options options);

    /// The same, but a tombstone that is the newest is found too: what a writer must outdo.
    [[nodiscard]] task<result<get_report>> newest(id256 where, get_options options);

    /// Stores a value on the nearest peers. See node::put.
    [[nodiscard]] task<result<put_report>> put(value what, put_options options);

    /// Asks a service in a mode in which queries travel; who is asked by its id has to be known with its key. See
    /// node::request.
    [[nodiscard]] task<result<request_report>> request(request_target to, std::string service, bytes body,
                                                       request_options options);

    /// Success, or errc::bad_argument for an option of a request that has no meaning in its mode, which the log names.
    [[nodiscard]] result<void> fits_mode(const request_options& options) const;

    [[nodiscard]] steady_time deadline_of(std::optional<std::chrono::milliseconds> timeout) const;

private:
    /// lookup(), which reports also when everybody has refused.
    [[nodiscard]] task<result<lookup_report>> walk_to(id256 target, std::size_t paths, steady_time deadline);
    // Queries that travel (travelling.cpp).
    template <typename Goal, typename Options>
    [[nodiscard]] wire::forward travelling(Goal goal, const Options& options, std::optional<std::size_t> results) const;
    [[nodiscard]] steady_time travel_deadline(const get_options& options) const;
    [[nodiscard]] const travel_band& usual_for(const wire::forward& query) const;
    [[nodiscard]] result<void> check(const wire::forward& query, query_mode mode) const;
    [[nodiscard]] task<result<lookup_report>> get_far(id256 where, const get_options& options,
                                                      detail::find_copies& into);
    [[nodiscard]] task<wire::gathered> ask_in_rounds(wire::forward query, get_options options, lookup_report& report,
                                                     bool& turned_down, detail::find_copies* into);
    [[nodiscard]] task<result<put_report>> put_far(value what, put_options options);
    [[nodiscard]] task<result<lookup_report>> lookup_far(id256 target, const get_options& options);

    /// Gives an immutable value its deadline and says whether the value can be put.
    [[nodiscard]] result<void> prepare(value& what, const put_options& options) const;
    [[nodiscard]] task<> replicate(const std::vector<contact>& holders, wire::store order, steady_time deadline,
                                   std::shared_ptr<put_report> into);

    environment env_;
    query_config config_;
    query_origin origin_;
    std::shared_ptr<messenger> via_;
    responder& own_;
    forwarder& forwarding_;
    const namespaces& rules_;
    response_time peers_;
};

}  // namespace mydht
