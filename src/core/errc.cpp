#include <mydht/core/errc.hpp>

namespace mydht {

namespace {

const char* text_of(errc code) noexcept {
    switch (code) {
        case errc::not_hex: return "the text is not hexadecimal, or not of the length that was asked for";
        case errc::not_base32: return "the text is not base32 without padding";
        case errc::bad_address: return "the text is not an address of a form that mydht knows";
        case errc::address_has_name: return "the address has a host name where only a number can be used";
        case errc::unknown_host: return "the host name could not be resolved";
        case errc::file_unreadable: return "the file cannot be opened or read";
        case errc::file_unwritable: return "the file cannot be created, written, synced or renamed";
        case errc::file_exists: return "the file is there already and would have been overwritten";
        case errc::identity_damaged: return "the identity file has a wrong form, length or checksum";
        case errc::identity_exposed: return "the identity file can be read by other users";
        case errc::table_file_foreign: return "the file is there and is something else than a saved routing table";
        case errc::table_file_damaged: return "the saved routing table has a wrong form, version or checksum";
        case errc::malformed: return "the bytes do not decode";
        case errc::truncated: return "the bytes end before the message does";
        case errc::too_large: return "a size, count or depth is over its limit";
        case errc::unknown_version: return "the version is not one that this build speaks";
        case errc::trailing_bytes: return "there are bytes behind the end of the message";
        case errc::bad_key: return "the public key is not a usable curve point";
        case errc::bad_signature: return "the signature does not fit the key and the bytes";
        case errc::decrypt_failed: return "the ciphertext was changed or is for another key";
        case errc::handshake_order: return "a handshake step was asked for out of turn";
        case errc::nonce_exhausted: return "the cipher has used up its nonces; a new session is needed";
        case errc::entropy_failed: return "the system's random source gave nothing";
        case errc::not_mydht: return "the peer does not speak this protocol";
        case errc::other_network: return "the peer belongs to another network (name or pre-shared key differ)";
        case errc::mode_refused: return "one side is secured and the other plain";
        case errc::peer_busy: return "the peer has no room for a session now";
        case errc::identity_mismatch: return "the peer proved another identity than the one that was pinned";
        case errc::self_connection: return "the peer is this node itself";
        case errc::protocol_violation: return "the peer broke the rules of the session";
        case errc::session_closed: return "the session ended before the answer came";
        case errc::session_replaced: return "another session with the same peer took this one's place";
        case errc::too_many_requests: return "the limit of requests under way with this peer is reached";
        case errc::too_many_sessions: return "the limit of sessions is reached and none can be given up";
        case errc::slow_peer: return "the peer does not read what is sent to it, or sends too slowly";
        case errc::idle: return "the session was not used for the idle time";
        case errc::address_in_use: return "another socket listens at this address already";
        case errc::address_not_available: return "this machine has no such address";
        case errc::address_not_permitted: return "the system does not let this process listen at the address";
        case errc::unsupported_address: return "no transport of this node can use an address of this kind";
        case errc::connection_refused: return "nobody listens at the address";
        case errc::connection_reset: return "the connection broke";
        case errc::unreachable: return "no way leads to the address";
        case errc::end_of_stream: return "the peer ended the stream in order";
        case errc::closed: return "the object was closed on this side";
        case errc::out_of_descriptors: return "the process or the system has no file descriptors or buffers left";
        case errc::network_failed: return "the operating system reported another error of the network";
        case errc::timed_out: return "the deadline passed";
        case errc::cancelled: return "the operation was cancelled by the caller or by a stop";
        case errc::not_found: return "enough nodes answered and none has it";
        case errc::no_peers: return "there was nobody to ask";
        case errc::value_too_large: return "the value is over the inline limit";
        case errc::value_expired: return "the deadline of the value has passed or is not allowed";
        case errc::value_stale: return "a newer value of the same key is known";
        case errc::cas_mismatch: return "the stored sequence is not the one that was expected";
        case errc::wrong_key: return "the value does not belong to the key";
        case errc::unknown_namespace: return "this node has no rules for the namespace of the value";
        case errc::invalid_value: return "the namespace's own check refused the value";
        case errc::store_full: return "the byte limit of the store, or of one peer in it, is reached";
        case errc::store_failed: return "the store could not do its work";
        case errc::client_only: return "the peer takes part as a client and keeps nothing";
        case errc::not_supported: return "the peer or this build does not know the request";
        case errc::peer_error: return "the peer answered with an error of its own";
        case errc::not_running: return "the node is not started, or is stopping";
        case errc::already_running: return "the node was started before";
        case errc::bad_configuration: return "a configuration field has a value that can never work";
        case errc::bad_argument: return "an argument has a value that can never work";
    }
    return "an error that this build does not know";
}

class category final : public std::error_category {
public:
    const char* name() const noexcept override { return "mydht"; }
    std::string message(int code) const override { return text_of(static_cast<errc>(code)); }
};

}  // namespace

const std::error_category& error_category() noexcept {
    static const category instance;
    return instance;
}

std::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), error_category()}; }

}  // namespace mydht
