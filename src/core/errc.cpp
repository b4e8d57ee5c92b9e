#include <mydht/core/errc.hpp>

namespace mydht {

namespace {

struct entry {
    errc code;
    const char* text;
};

constexpr entry texts[] = {
    {errc::not_hex, "the text is not hexadecimal, or not of the length that was asked for"},
    {errc::not_base32, "the text is not base32 without padding"},
    {errc::bad_address, "the text is not an address of a form that mydht knows"},
    {errc::address_has_name, "the address has a host name where only a number can be used"},
    {errc::unknown_host, "the host name could not be resolved"},
    {errc::file_unreadable, "the file cannot be opened or read"},
    {errc::file_unwritable, "the file cannot be created, written, synced or renamed"},
    {errc::file_exists, "the file is there already and would have been overwritten"},
    {errc::identity_damaged, "the identity file has a wrong form, length or checksum"},
    {errc::identity_exposed, "the identity file can be read by other users"},
    {errc::table_file_foreign, "the file is there and is something else than a saved routing table"},
    {errc::table_file_damaged, "the saved routing table has a wrong form, version or checksum"},
    {errc::malformed, "the bytes do not decode"},
    {errc::truncated, "the bytes end before the message does"},
    {errc::too_large, "a size, count or depth is over its limit"},
    {errc::unknown_version, "the version is not one that this build speaks"},
    {errc::trailing_bytes, "there are bytes behind the end of the message"},
    {errc::bad_key, "the public key is not a usable curve point"},
    {errc::bad_signature, "the signature does not fit the key and the bytes"},
    {errc::decrypt_failed, "the ciphertext was changed or is for another key"},
    {errc::handshake_order, "a handshake step was asked for out of turn"},
    {errc::nonce_exhausted, "the cipher has used up its nonces; a new session is needed"},
    {errc::entropy_failed, "the system's random source gave nothing"},
    {errc::not_mydht, "the peer does not speak this protocol"},
    {errc::other_network, "the peer belongs to another network (name or pre-shared key differ)"},
    {errc::mode_refused, "one side is secured and the other plain"},
    {errc::peer_busy, "the peer has no room for it now"},
    {errc::identity_mismatch, "the peer proved another identity than the one that was pinned"},
    {errc::self_connection, "the peer is this node itself"},
    {errc::protocol_violation, "the peer broke the rules of the session"},
    {errc::session_closed, "the session has ended"},
    {errc::session_replaced, "another session with the same peer took this one's place"},
    {errc::too_many_requests, "the limit of requests under way with this peer is reached"},
    {errc::too_many_sessions, "the limit of sessions is reached and none can be given up"},
    {errc::slow_peer, "the peer does not read what is sent to it, or sends too slowly"},
    {errc::idle, "the session was not used for the idle time"},
    {errc::not_admitted, "the peer is not let in, or does not let this node in"},
    {errc::peer_blocked, "this node has blocked the peer for a while"},
    {errc::throttled, "more was asked than the limit of this time allows"},
    {errc::no_service, "the peer has no service of this name"},
    {errc::stream_reset, "the stream was broken off"},
    {errc::too_many_streams, "the limit of open streams is reached"},
    {errc::attachment_refused, "the attachment is not wanted"},
    {errc::address_in_use, "another socket listens at this address already"},
    {errc::address_not_available, "this machine has no such address"},
    {errc::address_not_permitted, "the system does not let this process listen at the address"},
    {errc::unsupported_address, "no transport of this node can use an address of this kind"},
    {errc::connection_refused, "nobody listens at the address"},
    {errc::connection_reset, "the connection broke"},
    {errc::unreachable, "no way leads to the address"},
    {errc::end_of_stream, "the peer ended the stream in order"},
    {errc::closed, "the object was closed on this side"},
    {errc::out_of_descriptors, "the process or the system has no file descriptors or buffers left"},
    {errc::network_failed, "the operating system reported another error of the network"},
    {errc::timed_out, "the deadline passed"},
    {errc::cancelled, "the operation was cancelled by the caller or by a stop"},
    {errc::not_found, "enough nodes answered and none has it"},
    {errc::no_peers, "there was nobody to ask"},
    {errc::value_too_large, "the value is over the inline limit"},
    {errc::value_expired, "the deadline of the value has passed or is not allowed"},
    {errc::value_stale, "a newer value of the same key is known"},
    {errc::cas_mismatch, "the stored sequence is not the one that was expected"},
    {errc::wrong_key, "the value does not belong to the key"},
    {errc::unknown_namespace, "this node has no rules for the namespace of the value"},
    {errc::invalid_value, "the namespace's own check refused the value"},
    {errc::store_full, "the byte limit of the store, or of one peer in it, is reached"},
    {errc::store_failed, "the store could not do its work"},
    {errc::client_only, "the peer takes part as a client and keeps nothing"},
    {errc::not_supported, "the peer or this build does not know the request"},
    {errc::peer_error, "the peer answered with an error of its own"},
    {errc::not_running, "the node is not started, or is stopping"},
    {errc::already_running, "the node was started before"},
    {errc::bad_configuration, "a configuration field has a value that can never work"},
    {errc::bad_argument, "an argument has a value that can never work"},
    {errc::answer_lost, "it was done, or may have been; no answer came back"},
};

const char* text_of(errc code) noexcept {
    for (const auto& each : texts) {
        if (each.code == code) return each.text;
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
