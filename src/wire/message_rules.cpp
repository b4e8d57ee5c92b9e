#include "wire/message_rules.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

#include <mydht/core/service_name.hpp>

#include "wire/utf8.hpp"

namespace mydht::wire {

namespace {

class rules {
public:
    rules(const decode_limits& limits, std::string_view& where) noexcept : limits_(limits), where_(where) {}

    result<void> operator()(const ping&) const { return {}; }
    result<void> operator()(const find_node&) const { return {}; }
    result<void> operator()(const find_value&) const { return {}; }
    result<void> operator()(const store& m) const { return check(m.what); }
    result<void> operator()(const forward& m) const {
        const bool fits = m.trace_max <= limits_.trace && m.trace.size() <= m.trace_max;
        if (!fits) return refuse(errc::too_large, "body.forward.trace");
        if (!fits_32_bits(m.lifetime)) return refuse(errc::bad_argument, "body.forward.lifetime");
        const bool fits_ticket = !m.asker || m.asker->body.size() <= limits_.ticket_bytes;
        if (!fits_ticket) return refuse(errc::too_large, "body.forward.asker");
        if (m.asker && m.asker->body.empty()) return refuse(errc::bad_argument, "body.forward.asker");
        return std::visit(*this, m.goal);
    }
    result<void> operator()(const request& m) const {
        if (m.body.size() > limits_.request_body_bytes)
            return refuse(errc::too_large, "body.forward.goal.request.body");
        const bool named = m.is_sealed() || valid_service_name(m.service);
        return named ? result<void>() : refuse(errc::bad_argument, "body.forward.goal.request.service");
    }
    result<void> operator()(const deliver& m) const { return (*this)(m.what); }
    result<void> operator()(const cancel&) const { return {}; }
    result<void> operator()(const pong&) const { return {}; }
    result<void> operator()(const nodes& m) const { return check(m.contacts); }
    result<void> operator()(const values& m) const {
        if (auto fine = check(m.items); !fine) return fine;
        return check(m.contacts);
    }
    result<void> operator()(const gathered& m) const {
        if (!fits_32_bits(m.copy_left)) return refuse(errc::bad_argument, "body");
        if (auto fine = check(m.items); !fine) return fine;
        return check(m.contacts);
    }
    result<void> operator()(const stored&) const { return {}; }
    result<void> operator()(const delivered&) const { return {}; }
    result<void> operator()(const error& m) const {
        if (m.text.size() > limits_.text_bytes) return refuse(errc::too_large, "body.error.text");
        return is_utf8(as_bytes(m.text)) ? result<void>() : refuse(errc::bad_argument, "body.error.text");
    }

private:
    static bool fits_32_bits(std::chrono::milliseconds length) {
        return length.count() >= 0 && length.count() <= std::numeric_limits<std::uint32_t>::max();
    }

    [[nodiscard]] result<void> refuse(errc code, std::string_view where) const {
        where_ = where;
        return failure(code);
    }

    // Decoders have seen to what comes here, and say where it is.
    [[nodiscard]] result<void> check(const item& what) const {
        if (what.body.size() > limits_.item_body_bytes) return refuse(errc::too_large, "body");
        const bool has_kind = static_cast<std::uint8_t>(what.kind) != 0;
        return has_kind ? result<void>() : refuse(errc::bad_argument, "body");
    }

    [[nodiscard]] result<void> check(const std::vector<item>& items) const {
        if (items.size() > limits_.items) return refuse(errc::too_large, "body");
        for (const auto& one : items) {
            if (auto fine = check(one); !fine) return fine;
        }
        return {};
    }

    [[nodiscard]] result<void> check(const std::vector<contact>& contacts) const {
        if (contacts.size() > limits_.contacts) return refuse(errc::too_large, "body");
        for (const auto& one : contacts) {
            if (one.addresses.size() > limits_.addresses_per_contact) return refuse(errc::too_large, "body");
            if (std::ranges::any_of(one.addresses, &address::empty)) return refuse(errc::bad_argument, "body");
        }
        return {};
    }

    const decode_limits& limits_;
    std::string_view& where_;
};

}  // namespace

result<void> check_message(const message& what, const decode_limits& limits, std::string_view& where) {
    return std::visit(rules(limits, where), what);
}

}  // namespace mydht::wire
