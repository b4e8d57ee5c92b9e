#include "tools/explain.hpp"

#include <algorithm>

#include <mydht/core/errc.hpp>

namespace mydht::tools {

namespace {

bool is_ours(std::error_code error) noexcept { return error.category() == error_category(); }

std::string_view not_found_remedy(sought what) noexcept {
    switch (what) {
        case sought::value: break;
        case sought::peer: return "check the id; the node may have left, or be one that nobody can connect to";
        case sought::service:
            return "nobody who was asked knows that node; check its id, and give --mode proxied if nobody can connect "
                   "to it";
        case sought::key_service:
            return "nobody who was asked serves that name; check it, and that a node serves it for requests that "
                   "travel";
    }
    return "check the key; the value may never have been stored, or its lifetime is over";
}

}  // namespace

exit_code exit_code_of(std::error_code error) noexcept {
    if (!is_ours(error)) return exit_code::failed;
    switch (static_cast<errc>(error.value())) {
        case errc::not_found: return exit_code::not_found;
        case errc::timed_out: return exit_code::timed_out;
        case errc::not_hex:
        case errc::not_base32:
        case errc::bad_address:
        case errc::address_has_name:
        case errc::unsupported_address:
        case errc::file_unreadable:
        case errc::file_unwritable:
        case errc::file_exists:
        case errc::identity_damaged:
        case errc::identity_exposed:
        case errc::table_file_foreign:
        case errc::table_file_damaged:
        case errc::malformed:
        case errc::too_large:
        case errc::value_too_large:
        case errc::bad_key:
        case errc::bad_configuration:
        case errc::bad_argument: return exit_code::unusable;
        default: return exit_code::failed;
    }
}

std::string_view remedy_of(std::error_code error, sought what) noexcept {
    if (!is_ours(error)) return {};
    switch (static_cast<errc>(error.value())) {
        case errc::bad_address:
            return "write udp://HOST:PORT or tcp://HOST:PORT, as in udp://127.0.0.1:4000 or tcp://[::1]:4000";
        case errc::unknown_host: return "check the name, or give the number";
        case errc::unsupported_address: return "give a udp:// or tcp:// address";
        case errc::file_unreadable: return "check the name and your rights";
        case errc::file_unwritable: return "check the folder, your rights and the free space";
        case errc::table_file_foreign: return "give the name of a saved table, or of no file yet";
        case errc::out_of_descriptors: return "raise the limit with ulimit -n";
        case errc::file_exists: return "give another name, or move the file away first";
        case errc::identity_damaged: return "restore it from a backup, or make a new one with mydht keygen";
        case errc::identity_exposed: return "take the rights of others away with chmod 600";
        case errc::not_mydht: return "check the address: a mydht node must listen there";
        case errc::other_network: return "give the network's name with --network, and its key with --psk if it has one";
        case errc::mode_refused: return "use a node of a secured network";
        case errc::peer_busy: return "try again later, or give another address";
        case errc::identity_mismatch: return "if the node really has a new identity, pin that one, or none";
        case errc::self_connection: return "give the address of another node";
        case errc::not_admitted: return "ask whoever runs that node to let you in, or give another";
        case errc::throttled: return "wait a little, or ask another node";
        case errc::address_in_use: return "stop what listens there, or give another port (0 lets the system choose)";
        case errc::address_not_available: return "give an address of this machine, as in udp://127.0.0.1:0";
        case errc::address_not_permitted: return "give a port above 1023";
        case errc::connection_refused: return "start a node there or give another address";
        case errc::connection_reset:
        case errc::end_of_stream:
        case errc::session_closed: return "check that a mydht node runs there, and try again";
        case errc::unreachable: return "check the address and the way to it";
        case errc::timed_out:
            return "give it more time with --timeout, ask another node, or check --network and --psk, without which "
                   "nodes do "
                   "not answer datagrams";
        case errc::not_found: return not_found_remedy(what);
        case errc::answer_lost:
            return what == sought::value || what == sought::peer
                       ? "try again, with --mode proxied"
                       : "ask again, with --mode proxied; it may then be done twice";
        case errc::no_service:
            return "check the name; in the other modes than iterative only services count that take requests which "
                   "travel";
        case errc::no_peers: return "wait until the network has nodes that answer, or give another --bootstrap";
        case errc::value_too_large: return "a value has at most 65536 bytes; split it";
        case errc::value_expired: return "give another --ttl, and check this machine's clock";
        case errc::value_stale: return "publish without --seq, or with a higher one";
        case errc::cas_mismatch:
            return "read the newest with mydht resolve --json, and publish again with its \"sequence\" as --cas";
        case errc::bad_key: return "check the public key; mydht id prints that of an identity file";
        case errc::invalid_value: return "the nodes do not accept such values";
        case errc::store_full: return "try again later, or with a smaller value";
        case errc::client_only: return "give the address of a node that keeps values";
        case errc::peer_error:
        case errc::store_failed: return "try again, or through another node";
        default: return {};
    }
}

problem explain(std::string_view subject, std::error_code error, sought what) {
    // The user knows what was asked for, and that it did not come.
    if (error == errc::cancelled) return {exit_code::failed, "interrupted"};
    problem out{exit_code_of(error), std::string(subject)};
    out.text += ": " + error.message();
    const auto remedy = remedy_of(error, what);
    if (!remedy.empty()) out.text.append("; ").append(remedy);
    return out;
}

bool was_retracted(std::error_code error, const lookup_report& report) {
    const auto has_word = [](const query_step& step) {
        return step.how == query_step::ending::found || step.how == query_step::ending::brought;
    };
    return error == errc::not_found && std::ranges::any_of(report.steps, has_word);
}

problem retracted(std::string_view key) {
    return {exit_code::not_found, std::string(key) + ": its author has taken the value back; there is no other"};
}

}  // namespace mydht::tools
