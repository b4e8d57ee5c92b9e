#include <mydht/value/value.hpp>

#include <algorithm>
#include <limits>
#include <utility>

#include <mydht/core/body.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/crypto/identity.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/crypto/peer_record.hpp>
#include <mydht/value/lifetime.hpp>

namespace mydht {

namespace {

constexpr std::uint8_t body_version = 1;
// The content's length is checked after it is read, to name it when it is over the limit; nothing is copied before
// that.
constexpr std::size_t any_length = std::numeric_limits<std::uint32_t>::max();

std::string_view signature_kind(item_kind kind) noexcept {
    return kind == item_kind::tombstone ? "tombstone" : "mutable";
}

std::error_code over_limit(bytes_view content, bytes_view salt, std::string_view name_space) {
    if (content.size() > limits::inline_value_bytes) return errc::value_too_large;
    if (salt.size() > limits::salt_bytes || name_space.size() > limits::namespace_bytes) return errc::too_large;
    return {};
}

/// The key stands at a fixed place in a peer's record, so one under a wrong key costs no signature check.
result<public_key> peer_of(bytes_view record) {
    body_reader head(record);
    head.u8();
    return public_key::from_bytes(head.fixed(public_key::size));
}

}  // namespace

value::value() = default;

value value::immutable(bytes_view content, std::string_view name_space) {
    value out;
    out.problem_ = over_limit(content, {}, name_space);
    if (out.problem_) return out;
    out.name_space_ = name_space;
    out.body_ = body_writer().short_bytes(as_bytes(name_space)).long_bytes(content).take();
    out.content_begin_ = out.body_.size() - content.size();
    out.key_ = immutable_key(as_bytes(name_space), content);
    return out;
}

value value::immutable(std::string_view content, std::string_view name_space) {
    return immutable(as_bytes(content), name_space);
}

signed_value value::signed_by(const identity& author, bytes_view content) {
    return {item_kind::mutable_value, author, content, wall_time{}};
}

signed_value value::signed_by(const identity& author, std::string_view content) {
    return signed_by(author, as_bytes(content));
}

signed_value value::tombstone_by(const identity& author, wall_time written) {
    return {item_kind::tombstone, author, {}, tombstone_deadline(written)};
}

result<void> value::read_immutable() {
    body_reader in(body_);
    const auto name_space = in.short_bytes(limits::namespace_bytes);
    const auto content = in.long_bytes(any_length);
    if (auto done = in.end(); !done) return done;
    if (content.size() > limits::inline_value_bytes) return failure(errc::value_too_large);

    // Nothing covers the signature field of an unsigned item: were it free, every hop could put bytes of its own there.
    if (sig_ != signature{}) return failure(errc::malformed);
    name_space_ = as_text(name_space);
    content_begin_ = body_.size() - content.size();
    key_ = immutable_key(name_space, content);
    return {};
}

result<void> value::read_signed() {
    body_reader in(body_);
    const auto version = in.u8();
    if (!in.failed() && version != body_version) return failure(errc::unknown_version);
    const auto name_space = in.short_bytes(limits::namespace_bytes);
    const auto author = in.fixed(public_key::size);
    const auto salt = in.short_bytes(limits::salt_bytes);
    sequence_ = in.u64();
    const auto deadline_ms = in.u64();
    const auto content = kind_ == item_kind::tombstone ? bytes_view{} : in.long_bytes(any_length);
    if (auto done = in.end(); !done) return done;
    if (content.size() > limits::inline_value_bytes) return failure(errc::value_too_large);

    name_space_ = as_text(name_space);
    salt_ = to_bytes(salt);
    author_ = *public_key::from_bytes(author);
    // What is over the signed range comes out before 1970, and so has passed.
    deadline_ = wall_time(std::chrono::milliseconds(static_cast<std::int64_t>(deadline_ms)));
    content_begin_ = body_.size() - content.size();
    key_ = mutable_key(*author_, salt_);
    return {};
}

/// What the body says, of which nothing is checked but the layout.
result<value> value::read(item what) {
    const bool is_signed = what.kind == item_kind::mutable_value || what.kind == item_kind::tombstone;
    if (!is_signed && what.kind != item_kind::immutable) return failure(errc::malformed);
    if (is_signed && what.deadline != wall_time{}) return failure(errc::malformed);

    value out;
    out.kind_ = what.kind;
    out.body_ = std::move(what.body);
    out.sig_ = what.sig;
    out.deadline_ = what.deadline;
    if (auto done = is_signed ? out.read_signed() : out.read_immutable(); !done) return failure(done.error());
    return out;
}

result<value> value::open(const id256& expected, item what, wall_time now) {
    if (what.kind == item_kind::peer_record) return open_peer_record(expected, std::move(what), now);

    auto out = read(std::move(what));
    if (!out) return out;
    if (auto done = check_deadline(out->deadline_, now); !done) return failure(done.error());
    if (out->key_ != expected) return failure(errc::wrong_key);
    if (out->author_) {
        auto done = verify(*out->author_, signature_kind(out->kind_), out->body_, out->sig_);
        if (!done) return failure(done.error());
    }
    out->problem_ = {};
    return out;
}

result<id256> value::key_of(item what) {
    if (what.kind == item_kind::peer_record) {
        const auto peer = peer_of(what.body);
        if (!peer) return failure(peer.error());
        return node_id_of(*peer);
    }
    const auto out = read(std::move(what));
    if (!out) return failure(out.error());
    return out->key_;
}

result<value> value::open_peer_record(const id256& expected, item what, wall_time now) {
    if (what.deadline != wall_time{}) return failure(errc::malformed);

    const auto peer = peer_of(what.body);
    if (peer && node_id_of(*peer) != expected) return failure(errc::wrong_key);
    auto record = open_record(what.body, what.sig, now);
    if (!record) return failure(record.error());

    value out;
    out.kind_ = item_kind::peer_record;
    out.key_ = expected;
    out.author_ = record->peer;
    out.sequence_ = record->sequence;
    out.deadline_ = record->expiry;
    out.body_ = std::move(what.body);
    out.sig_ = what.sig;
    out.problem_ = {};
    return out;
}

result<void> value::check() const {
    if (problem_) return failure(problem_);
    return {};
}

item value::to_item() const& { return value(*this).to_item(); }

item value::to_item() && {
    item out;
    out.kind = kind_;
    out.body = std::move(body_);
    out.sig = sig_;
    if (kind_ == item_kind::immutable) out.deadline = deadline_;
    return out;
}

bytes_view value::content() const noexcept { return bytes_view(body_).subspan(content_begin_); }

value value::with_deadline(wall_time deadline) const {
    value out = *this;
    if (kind_ == item_kind::immutable) out.deadline_ = deadline;
    return out;
}

result<value> value::renewed(const identity& author, wall_time deadline) const {
    if (kind_ != item_kind::mutable_value && kind_ != item_kind::tombstone) return failure(errc::bad_argument);
    if (author.key() != author_) return failure(errc::identity_mismatch);
    if (deadline <= deadline_) return failure(errc::bad_argument);
    signed_value next(kind_, author, content(), deadline);
    return next.salt(salt_).sequence(sequence_).in_namespace(name_space_).sign();
}

bool operator==(const value& a, const value& b) noexcept {
    return a.kind_ == b.kind_ && a.key_ == b.key_ && a.deadline_ == b.deadline_ && a.body_ == b.body_ &&
           a.sig_ == b.sig_;
}

signed_value::signed_value(item_kind kind, const identity& author, bytes_view content, wall_time deadline)
    : kind_(kind), author_(&author), content_(to_bytes(content)), deadline_(deadline) {}

signed_value& signed_value::salt(bytes_view salt) {
    salt_ = to_bytes(salt);
    return *this;
}

signed_value& signed_value::salt(std::string_view salt) { return this->salt(as_bytes(salt)); }

signed_value& signed_value::sequence(std::uint64_t sequence) {
    sequence_ = sequence;
    return *this;
}

signed_value& signed_value::deadline(wall_time deadline) {
    deadline_ = kind_ == item_kind::tombstone ? std::max(deadline_, deadline) : deadline;
    return *this;
}

signed_value& signed_value::in_namespace(std::string_view name_space) {
    name_space_ = name_space;
    return *this;
}

result<value> signed_value::sign() const {
    if (const auto problem = over_limit(content_, salt_, name_space_)) return failure(problem);
    if (deadline_ <= wall_time{}) return failure(errc::bad_argument);

    body_writer body;
    body.u8(body_version).short_bytes(as_bytes(name_space_)).fixed(author_->key().view()).short_bytes(salt_);
    body.u64(sequence_).u64(static_cast<std::uint64_t>(deadline_.time_since_epoch().count()));
    if (kind_ == item_kind::mutable_value) body.long_bytes(content_);

    value out;
    out.kind_ = kind_;
    out.key_ = mutable_key(author_->key(), salt_);
    out.name_space_ = name_space_;
    out.author_ = author_->key();
    out.salt_ = salt_;
    out.sequence_ = sequence_;
    out.deadline_ = deadline_;
    out.body_ = body.take();
    out.content_begin_ = out.body_.size() - content_.size();
    out.sig_ = author_->sign(signature_kind(kind_), out.body_);
    out.problem_ = {};
    return out;
}

}  // namespace mydht
