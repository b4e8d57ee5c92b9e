#include "session/record_layer.hpp"

#include <mydht/wire/record.hpp>

namespace mydht::detail {

result<void> record_layer::seal(bytes_view plain, bytes& out) {
    while (!plain.empty()) {
        const auto piece = wire::next_plaintext(plain);
        if (!ciphers_) {
            wire::append_record(out, piece);
            continue;
        }
        const auto size = piece.size() + noise::tag_bytes;
        wire::append_record_header(out, size);
        const auto place = out.size();
        out.resize(place + size);
        if (auto sealed = ciphers_->send.seal({}, piece, bytes_span(out).subspan(place)); !sealed) return sealed;
    }
    return {};
}

result<bytes_view> record_layer::open(bytes_span record) {
    if (!ciphers_) return bytes_view(record);
    if (record.size() < noise::tag_bytes) return failure(errc::decrypt_failed);
    const auto plain = record.first(record.size() - noise::tag_bytes);
    if (auto opened = ciphers_->receive.open({}, record, plain); !opened) return failure(opened.error());
    return bytes_view(plain);
}

}  // namespace mydht::detail
