#include <mydht/wire/codec.hpp>

#include <algorithm>
#include <array>

#include "wire/message_fields.hpp"
#include "wire/message_rules.hpp"

namespace mydht::wire {

namespace {

/// What stands beside the body, once it has been read. Id and role go to `why` where both are there.
bool check_head(const letter_head& got, decode_error& why) {
    const auto fail = [&why](errc code, const char* field) {
        why.code = code;
        why.field = field;
        return false;
    };
    if (!got.id) return fail(errc::malformed, "id");
    if (!got.role || *got.role > message_role::notice) return fail(errc::malformed, "role");
    why.id = got.id;
    why.role = *got.role;
    if (got.version == 0) return fail(errc::malformed, "version");
    if (got.version > message_version) return fail(errc::unknown_version, "version");
    return true;
}

}  // namespace

result<void> any_codec::encode(const envelope& what, bytes& out) const {
    std::string_view where;
    if (auto fine = check_message(what.body, {}, where); !fine) return fine;
    const auto before = out.size();
    auto done = does_->write_message != nullptr ? does_->write_message(what, out) : write_letter(what, out);
    if (done && out.size() - before > limits::message_bytes) done = failure(errc::too_large);
    if (!done) out.resize(before);
    return done;
}

result<envelope> any_codec::decode(bytes_view data, const decode_limits& limits, decode_error* why) const {
    decode_error error;
    envelope out;
    bool fine = false;
    if (data.size() > limits.message_bytes) {
        error.code = errc::too_large;
        error.offset = limits.message_bytes;
    } else {
        fine = does_->read_message != nullptr ? does_->read_message(data, out, limits, error)
                                              : read_letter(data, out, limits, error);
    }
    if (fine) {
        std::string_view where;
        if (auto checked = check_message(out.body, limits, where); !checked) {
            fine = false;
            error.code = checked.error() == errc::too_large ? errc::too_large : errc::malformed;
            error.field = where;
            error.id = out.id;
            error.role = role_of(out.body);
        }
    }
    if (fine) return out;
    const auto code = error.code;
    if (why != nullptr) *why = std::move(error);
    return failure(code);
}

result<void> any_codec::write(const shape& what, const void* from, bytes& out, const decode_limits& limits) const {
    if (auto fine = check_writable(what, from, limits); !fine) return fine;
    const auto before = out.size();
    auto done = does_->write(what, from, out);
    if (done && out.size() - before > limits.message_bytes) done = failure(errc::too_large);
    if (!done) out.resize(before);
    return done;
}

result<void> any_codec::read(bytes_view data, const shape& what, void* to, const decode_limits& limits,
                             decode_error* why) const {
    decode_error error;
    if (data.size() > limits.message_bytes) {
        error.code = errc::too_large;
        error.offset = limits.message_bytes;
    } else if (does_->read(data, what, to, limits, error)) {
        return {};
    }
    const auto code = error.code;
    if (why != nullptr) *why = std::move(error);
    return failure(code);
}

result<void> any_codec::write_letter(const envelope& what, bytes& out) const {
    letter from;
    from.id = what.id;
    from.version = message_version;
    from.role = role_of(what.body);
    from.body = &what.body;
    return does_->write(shape_of<letter>(), &from, out);
}

bool any_codec::read_letter(bytes_view data, envelope& out, const decode_limits& limits, decode_error& why) const {
    letter to;
    to.body = &out.body;
    const bool whole = does_->read(data, shape_of<letter>(), &to, limits, why);
    letter_head head = to;
    if (!whole) {
        // What could not be read may stand before the id and the role. Here it is passed over.
        head = {};
        decode_error ignored;
        (void)does_->read(data, shape_of<letter_head>(), &head, limits, ignored);
    }
    decode_error found;
    const bool fine = check_head(head, found);
    why.id = found.id;
    why.role = found.role;
    // Of a later version nothing but id, version and role need be as this build knows it.
    if (!fine && (whole || found.code == errc::unknown_version)) {
        why.code = found.code;
        why.field = std::move(found.field);
    }
    if (!fine || !whole) return false;
    out.id = *to.id;
    if (why.role == role_of(out.body)) return true;
    why.code = errc::malformed;
    why.field = "role";
    return false;
}

std::span<const any_codec> all_codecs() noexcept {
    static const std::array codecs{
        capnp_codec(),    capnp_packed_codec(), json_codec(), cbor_codec(), bencode_codec(),
#ifdef MYDHT_HAS_PROTOBUF
        protobuf_codec(),
#endif
    };
    return codecs;
}

std::vector<any_codec> codecs_preferring(any_codec first) {
    std::vector<any_codec> out{first};
    for (const auto& one : all_codecs()) {
        if (one != first) out.push_back(one);
    }
    return out;
}

result<any_codec> find_codec(std::string_view name) {
    const auto all = all_codecs();
    const auto found = std::ranges::find(all, name, &any_codec::name);
    if (found == all.end()) return failure(errc::bad_argument);
    return *found;
}

}  // namespace mydht::wire
