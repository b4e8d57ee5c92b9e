#pragma once

#include <string>
#include <system_error>

namespace mydht {

/// Everything that can go wrong by the doing of a peer, a user or the network. One line each; message() says the same
/// to people. docs/errors.md has the table with causes and remedies.
enum class errc {
    // --- text and files -------------------------------------------------------------------------------------------
    not_hex = 1,         ///< the text is not hexadecimal, or not of the length that was asked for
    not_base32,          ///< the text is not base32 without padding
    bad_address,         ///< the text is not an address of a form that mydht knows
    address_has_name,    ///< the address has a host name where only a number can be used
    unknown_host,        ///< the host name could not be resolved
    file_unreadable,     ///< the file cannot be opened or read
    file_unwritable,     ///< the file cannot be created, written, synced or renamed
    file_exists,         ///< the file is there already and would have been overwritten
    identity_damaged,    ///< the identity file has a wrong form, length or checksum
    identity_exposed,    ///< the identity file can be read by other users
    table_file_foreign,  ///< the file is there and is something else than a saved routing table
    table_file_damaged,  ///< the saved routing table has a wrong form, version or checksum

    // --- bytes from the network -----------------------------------------------------------------------------------
    malformed,        ///< the bytes do not decode
    truncated,        ///< the bytes end before the message does
    too_large,        ///< a size, count or depth is over its limit
    unknown_version,  ///< the version is not one that this build speaks
    trailing_bytes,   ///< there are bytes behind the end of the message

    // --- cryptography ---------------------------------------------------------------------------------------------
    bad_key,          ///< the public key is not a usable curve point
    bad_signature,    ///< the signature does not fit the key and the bytes
    decrypt_failed,   ///< the ciphertext was changed or is for another key
    handshake_order,  ///< a handshake step was asked for out of turn
    nonce_exhausted,  ///< the cipher has used up its nonces; a new session is needed
    entropy_failed,   ///< the system's random source gave nothing

    // --- sessions -------------------------------------------------------------------------------------------------
    not_mydht,           ///< the peer does not speak this protocol
    other_network,       ///< the peer belongs to another network (name or pre-shared key differ)
    mode_refused,        ///< one side is secured and the other plain
    peer_busy,           ///< the peer has no room for it now
    identity_mismatch,   ///< the peer proved another identity than the one that was pinned
    self_connection,     ///< the peer is this node itself
    protocol_violation,  ///< the peer broke the rules of the session
    session_closed,      ///< the session has ended
    session_replaced,    ///< another session with the same peer took this one's place
    too_many_requests,   ///< the limit of requests under way with this peer is reached
    too_many_sessions,   ///< the limit of sessions is reached and none can be given up
    slow_peer,           ///< the peer does not read what is sent to it, or sends too slowly
    idle,                ///< the session was not used for the idle time
    not_admitted,        ///< the peer is not let in, or does not let this node in
    peer_blocked,        ///< this node has blocked the peer for a while
    throttled,           ///< more was asked than the limit of this time allows

    // --- application streams --------------------------------------------------------------------------------------
    no_service,          ///< the peer has no service of this name
    stream_reset,        ///< the stream was broken off
    too_many_streams,    ///< the limit of open streams is reached
    attachment_refused,  ///< the attachment is not wanted

    // --- transports -----------------------------------------------------------------------------------------------
    address_in_use,         ///< another socket listens at this address already
    address_not_available,  ///< this machine has no such address
    address_not_permitted,  ///< the system does not let this process listen at the address
    unsupported_address,    ///< no transport of this node can use an address of this kind
    connection_refused,     ///< nobody listens at the address
    connection_reset,       ///< the connection broke
    unreachable,            ///< no way leads to the address
    end_of_stream,          ///< the peer ended the stream in order
    closed,                 ///< the object was closed on this side
    out_of_descriptors,     ///< the process or the system has no file descriptors or buffers left
    network_failed,         ///< the operating system reported another error of the network

    // --- time -----------------------------------------------------------------------------------------------------
    timed_out,  ///< the deadline passed
    cancelled,  ///< the operation was cancelled by the caller or by a stop

    // --- values and queries ---------------------------------------------------------------------------------------
    not_found,          ///< enough nodes answered and none has it
    no_peers,           ///< there was nobody to ask
    value_too_large,    ///< the value is over the inline limit
    value_expired,      ///< the deadline of the value has passed or is not allowed
    value_stale,        ///< a newer value of the same key is known
    cas_mismatch,       ///< the stored sequence is not the one that was expected
    wrong_key,          ///< the value does not belong to the key
    unknown_namespace,  ///< this node has no rules for the namespace of the value
    invalid_value,      ///< the namespace's own check refused the value
    store_full,         ///< the byte limit of the store, or of one peer in it, is reached
    store_failed,       ///< the store could not do its work
    client_only,        ///< the peer takes part as a client and keeps nothing
    not_supported,      ///< the peer or this build does not know the request
    peer_error,         ///< the peer answered with an error of its own

    // --- local ----------------------------------------------------------------------------------------------------
    not_running,        ///< the node is not started, or is stopping
    already_running,    ///< the node was started before
    bad_configuration,  ///< a configuration field has a value that can never work
    bad_argument,       ///< an argument has a value that can never work

    // --- requests that travel -------------------------------------------------------------------------------------
    answer_lost,  ///< it was done, or may have been; no answer came back
};

/// The category of errc, named "mydht".
[[nodiscard]] const std::error_category& error_category() noexcept;

[[nodiscard]] std::error_code make_error_code(errc code) noexcept;

}  // namespace mydht

template <>
struct std::is_error_code_enum<mydht::errc> : std::true_type {};
