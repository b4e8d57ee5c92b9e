// From the generated readers to the fields of a message: what is written down in message_fields.hpp, field by field.
#include <mydht/crypto/ids.hpp>

#include "wire/address_list.hpp"
#include "wire/capnp_codec.hpp"
#include "wire/capnp_reading.hpp"
#include "wire/little_endian.hpp"
#include "wire/message_fields.hpp"
#include "wire/mydht.capnp.h"
#include "wire/utf8.hpp"

namespace mydht::wire {

namespace {

namespace trait = mydht::wire::detail;

bytes_view view_of(capnp::Data::Reader data) noexcept { return {data.begin(), data.size()}; }
bytes_view view_of(capnp::Text::Reader text) noexcept { return as_bytes({text.begin(), text.size()}); }

template <typename T>
constexpr bool has_fields = std::tuple_size_v<std::remove_cvref_t<decltype(described<T>::fields)>> != 0;

/// Reads one envelope. The first failure sticks, with the fields that were being read; what is read after it is never
/// used.
class envelope_reader {
public:
    envelope_reader(const decode_limits& limits, decode_error& where) noexcept : limits_(limits), where_(where) {}

    /// Reads what lies in `message`. False when it failed; kj's own failures come as exceptions.
    bool read(schema::Envelope::Reader from, bytes_view message, envelope& out) {
        message_ = message;
        if (read(from, out)) return true;
        note_struct(from);
        return false;
    }

    /// The field that was being read when kj gave up.
    void note_place() {
        if (where_.field.empty()) where_.field = path();
    }

private:
    bool read(schema::Envelope::Reader from, envelope& out) {
        out.id = from.getId();
        const auto role = static_cast<std::uint16_t>(from.getRole());
        if (role > static_cast<std::uint16_t>(message_role::notice)) return fail_at("role", errc::malformed);
        where_.id = out.id;
        where_.role = static_cast<message_role>(role);
        if (from.getVersion() == 0) return fail_at("version", errc::malformed);
        if (from.getVersion() > message_version) return fail_at("version", errc::unknown_version);
        enter("body");
        if (!read_choice(from.getBody(), out.body)) return false;
        leave();
        return where_.role == role_of(out.body) || fail_at("role", errc::malformed);
    }

    /// Of a failure the innermost struct is said.
    template <typename Reader>
    void note_struct(const Reader& from) {
        if (!where_.offset) where_.offset = place_of(from, message_);
    }

    /// Nobody leaves a field that could not be read, so that its place can be told.
    void enter(std::string_view name) noexcept { path_[depth_++] = name; }
    void leave() noexcept { --depth_; }

    std::string path() const {
        std::string out;
        for (std::size_t i = 0; i < depth_; ++i) {
            if (i > 0) out += '.';
            out += path_[i];
        }
        return out;
    }

    bool fail(errc code) {
        where_.code = code;
        where_.field = path();
        return false;
    }

    bool fail_at(std::string_view name, errc code) {
        enter(name);
        return fail(code);
    }

    template <typename Reader, typename T>
    bool read_choice(const Reader& from, T& to) {
        bool known = false;
        bool fine = true;
        const auto try_one = [&]<typename Entry>(const Entry& entry) {
            if (known || !Entry::schema::is(from)) return;
            known = true;
            auto& chosen = to.template emplace<typename Entry::type>();
            if constexpr (has_fields<typename Entry::type>) {
                enter(entry.name);
                fine = read_record(Entry::schema::get(from), chosen);
                if (fine) leave();
            }
        };
        std::apply([&](const auto&... entry) { (try_one(entry), ...); }, described<T>::fields);
        return known ? fine : fail(errc::not_supported);
    }

    template <typename Reader, typename T>
    bool read_record(const Reader& from, T& to) {
        bool fine = true;
        std::apply([&](const auto&... entry) { ((fine = fine && read_entry(from, to, entry)), ...); },
                   described<T>::fields);
        if (!fine) return false;
        if constexpr (requires { described<T>::complete(to); }) {
            if (!described<T>::complete(to)) return fail(errc::malformed);
        }
        return true;
    }

    template <typename Reader, typename T, typename Entry>
    bool read_entry(const Reader& from, T& to, const Entry& entry) {
        enter(entry.name);
        const auto limit = entry.limit == nullptr ? limits_.message_bytes : limits_.*entry.limit;
        if (!read_member<typename Entry::schema>(from, to.*Entry::pointer, limit)) {
            note_struct(from);
            return false;
        }
        leave();
        return true;
    }

    template <typename Schema, typename Reader, typename T>
    bool read_member(const Reader& from, T& to, std::size_t limit) {
        if constexpr (requires { Schema::read(from, to); }) {
            return Schema::read(from, to) || fail(errc::not_supported);
        } else if constexpr (std::same_as<T, std::optional<signed_record>>) {
            return read_asker(from, to);
        } else if constexpr (trait::plain_number<T>) {
            return trait::assign_number(to, static_cast<std::uint64_t>(Schema::get(from))) || fail(errc::malformed);
        } else if constexpr (std::same_as<T, std::chrono::milliseconds>) {
            to = std::chrono::milliseconds(Schema::get(from));
            return true;
        } else if constexpr (std::same_as<T, wall_time>) {
            to = wall_time(std::chrono::milliseconds(Schema::get(from)));
            return true;
        } else if constexpr (trait::sized_bytes<T>) {
            return read_fixed(Schema::get(from), to);
        } else if constexpr (std::same_as<T, std::string>) {
            return read_text(view_of(Schema::get(from)), to, limit);
        } else if constexpr (std::same_as<T, bytes>) {
            const auto data = view_of(Schema::get(from));
            if (data.size() > limit) return fail(errc::too_large);
            to = to_bytes(data);
            return true;
        } else if constexpr (std::same_as<T, address>) {
            return read_address(view_of(Schema::get(from)), to);
        } else if constexpr (std::same_as<T, std::vector<address>>) {
            return read_address_list(view_of(Schema::get(from)), to, limit);
        } else if constexpr (trait::is_list<T>::value) {
            return read_list(Schema::get(from), to, limit);
        } else if constexpr (trait::is_variant<T>::value) {
            return read_choice(Schema::get(from), to);
        } else {
            return read_record(Schema::get(from), to);
        }
    }

    /// Words in a group, or Data that may be missing.
    template <typename From, typename T>
    bool read_fixed(const From& from, T& to) {
        if constexpr (std::same_as<From, capnp::Data::Reader>) {
            const auto data = view_of(from);
            if (data.empty()) return true;
            const auto got = T::from_bytes(data);
            if (!got) return fail(errc::malformed);
            to = *got;
        } else {
            auto* out = to.data().data();
            store_little_endian(out, 8, from.getWord0());
            store_little_endian(out + 8, 8, from.getWord1());
            if constexpr (requires { from.getWord2(); }) {
                store_little_endian(out + 16, 8, from.getWord2());
                store_little_endian(out + 24, 8, from.getWord3());
            }
        }
        return true;
    }

    bool read_text(bytes_view from, std::string& to, std::size_t limit) {
        if (from.size() > limit) return fail(errc::too_large);
        if (!is_utf8(from)) return fail(errc::malformed);
        to.assign(from.begin(), from.end());
        return true;
    }

    bool read_address(bytes_view packed, address& to) {
        if (packed.empty()) return true;
        const auto got = take_address(packed);
        if (!got || !packed.empty()) return fail(errc::malformed);
        to = *got;
        return true;
    }

    bool read_address_list(bytes_view packed, std::vector<address>& to, std::size_t limit) {
        auto got = read_addresses(packed, limit);
        if (!got) return fail(got.error() == errc::too_large ? errc::too_large : errc::malformed);
        to = std::move(*got);
        return true;
    }

    /// Ids one behind the other.
    template <typename T>
    bool read_list(capnp::Data::Reader from, std::vector<T>& to, std::size_t limit) {
        auto data = view_of(from);
        if (data.size() % T::size != 0) return fail(errc::malformed);
        if (data.size() / T::size > limit) return fail(errc::too_large);
        to.reserve(data.size() / T::size);
        for (; !data.empty(); data = data.subspan(T::size)) to.push_back(*T::from_bytes(data.first(T::size)));
        return true;
    }

    template <typename List, typename T>
    bool read_list(const List& from, std::vector<T>& to, std::size_t limit) {
        if (from.size() > limit) return fail(errc::too_large);
        to.reserve(from.size());
        for (const auto one : from) {
            if (!read_record(one, to.emplace_back())) return false;
        }
        return true;
    }

    bool read_asker(schema::Forward::Reader from, std::optional<signed_record>& to) {
        const auto body = view_of(from.getAsker());
        if (body.empty()) return true;
        if (body.size() > limits_.ticket_bytes) return fail(errc::too_large);
        const auto sig = signature::from_bytes(view_of(from.getAskerSignature()));
        if (!sig) return fail(errc::malformed);
        to.emplace();
        to->body = to_bytes(body);
        to->sig = *sig;
        return true;
    }

    const decode_limits& limits_;
    decode_error& where_;
    bytes_view message_;
    std::array<std::string_view, nesting_max> path_{};
    std::size_t depth_ = 0;
};

}  // namespace

bool capnp_decode(bytes_view data, envelope& out, const decode_limits& limits, decode_error& why) {
    envelope_reader reader(limits, why);
    const bool fine = read_segments(data, limits, why, [&](capnp::MessageReader& message, bytes_view whole) {
        return reader.read(message.getRoot<schema::Envelope>(), whole, out);
    });
    if (!fine) reader.note_place();
    return fine;
}

}  // namespace mydht::wire
