#pragma once

#include <mydht/wire/codec.hpp>

/// What every codec has to keep, as the comment of any_codec says, and what it may make of bytes that nobody should
/// send. The program counts what is allocated (bench/allocations.cpp).
namespace mydht::test {

/// Messages that a newer build of the same codec might send; all have this id.
struct newer_messages {
    static constexpr std::uint64_t id = 0x0123456789abcdefULL;

    bytes unknown_request;  ///< a body of a kind that does not exist yet
    bytes unknown_answer;
    bytes unknown_notice;
    bytes newer_version;       ///< says that older builds cannot understand it; a request
    bytes unknown_error_code;  ///< wire::error with a code that does not exist yet, and the text "later"
    bytes wrong_role;          ///< a known request that says that it is an answer
    /// Known messages with fields beside the known ones, and what they have to decode to.
    std::vector<std::pair<bytes, wire::envelope>> unknown_fields;
};

void conform(const wire::any_codec& codec, const newer_messages& newer);

}  // namespace mydht::test
