#include "wire/message_rules.hpp"

#include <algorithm>
#include <limits>

#include <mydht/core/service_name.hpp>

#include "wire/utf8.hpp"

namespace mydht::wire {

namespace {

class rules {
public:
    explicit rules(const decode_limits& limits) noexcept : limits_(limits) {}

    result<void> operator()(const ping&) const { return {}; }
    result<void> operator()(const find_node&) const { return {}; }
    result<void> operator()(const find_value&) const { return {}; }
    result<void> operator()(const store& m) const { return check(m.what); }
    result<void> operator()(const forward& m) const {
        const bool fits = m.trace_max <= limits_.trace && m.trace.size() <= m.trace_max;
        if (!fits) return failure(errc::too_large);
        if (!fits_32_bits(m.lifetime)) return failure(errc::bad_argument);
        if (m.asker && m.asker->body.size() > limits_.ticket_bytes) return failure(errc::too_large);
        if (m.asker && m.asker->body.empty()) return failure(errc::bad_argument);
        return std::visit(*this, m.goal);
    }
    result<void> operator()(const request& m) const {
        if (m.body.size() > limits_.request_body_bytes) return failure(errc::too_large);
        if (!m.is_sealed() && !valid_service_name(m.service)) return failure(errc::bad_argument);
        return {};
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
        if (!fits_32_bits(m.copy_left)) return failure(errc::bad_argument);
        if (auto fine = check(m.items); !fine) return fine;
        return check(m.contacts);
    }
    result<void> operator()(const stored&) const { return {}; }
    result<void> operator()(const delivered&) const { return {}; }
    result<void> operator()(const error& m) const {
        if (m.text.size() > limits_.text_bytes) return failure(errc::too_large);
        if (!is_utf8(as_bytes(m.text))) return failure(errc::bad_argument);
        return {};
    }

private:
    static bool fits_32_bits(std::chrono::milliseconds length) {
        return length.count() >= 0 && length.count() <= std::numeric_limits<std::uint32_t>::max();
    }

    [[nodiscard]] result<void> check(const item& what) const {
        if (what.body.size() > limits_.item_body_bytes) return failure(errc::too_large);
        if (static_cast<std::uint8_t>(what.kind) == 0) return failure(errc::bad_argument);
        return {};
    }

    [[nodiscard]] result<void> check(const std::vector<item>& items) const {
        if (items.size() > limits_.items) return failure(errc::too_large);
        for (const auto& one : items) {
            if (auto fine = check(one); !fine) return fine;
        }
        return {};
    }

    [[nodiscard]] result<void> check(const std::vector<contact>& contacts) const {
        if (contacts.size() > limits_.contacts) return failure(errc::too_large);
        for (const auto& one : contacts) {
            if (one.addresses.size() > limits_.addresses_per_contact) return failure(errc::too_large);
            if (std::ranges::any_of(one.addresses, &address::empty)) return failure(errc::bad_argument);
        }
        return {};
    }

    const decode_limits& limits_;
};

}  // namespace

result<void> check_message(const message& what, const decode_limits& limits) { return std::visit(rules(limits), what); }

}  // namespace mydht::wire
