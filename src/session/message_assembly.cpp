#include "session/message_assembly.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace mydht::detail {

namespace {

constexpr std::size_t word_bits = 64;

/// The bits [begin, end) of a word.
std::uint64_t mask_of(std::size_t begin, std::size_t end) noexcept {
    const auto below_end = end == word_bits ? ~std::uint64_t{0} : (std::uint64_t{1} << end) - 1;
    return below_end & ~((std::uint64_t{1} << begin) - 1);
}

/// True when the bytes whose bits are set are the same.
bool same(const std::uint8_t* a, const std::uint8_t* b, std::uint64_t bits) noexcept {
    for (; bits != 0; bits &= bits - 1) {
        const auto at = std::countr_zero(bits);
        if (a[at] != b[at]) return false;
    }
    return true;
}

}  // namespace

message_assembly::~message_assembly() {
    budget_->give(memory_);
    budget_->note_cut_off(messages_.size());
}

result<part_taken> message_assembly::take(bytes_view payload, steady_time now) {
    const auto part = wire::decode_part(payload);
    if (!part) return failure(part.error());
    if (part->size > limits_.message_bytes) return failure(errc::too_large);
    if (is_done(part->number)) return part_taken{part_fate::repeated, {}};
    note_number(part->number);
    auto message = find(part->number);
    if (message == messages_.end()) {
        if (messages_.size() >= limits_.messages || part->size > limits_.bytes - announced_) {
            return part_taken{part_fate::refused, {}};
        }
        messages_.emplace_back();
        message = messages_.end() - 1;
        message->number = part->number;
        message->size = part->size;
        message->first_at = now;
        message->last_at = now;
        announced_ += part->size;
    }
    if (message->size != part->size) return failure(errc::protocol_violation);
    if (!reserve(*message, *part)) {
        if (message->came == 0) drop(message);
        return part_taken{part_fate::refused, {}};
    }
    const auto before = message->came;
    if (auto stored = store(*message, *part); !stored) return failure(stored.error());
    if (message->came == before) return part_taken{part_fate::repeated, {}};
    message->last_at = now;
    if (message->came < message->size) return part_taken{part_fate::kept, {}};
    return part_taken{part_fate::complete, finish(message)};
}

/// Messages too old to be told apart were given up by the peer.
void message_assembly::note_number(std::uint32_t number) noexcept {
    if (number <= newest_) return;
    const auto step = number - newest_;
    done_ = step < wire::message_numbers ? done_ << step : 0;
    newest_ = number;
    for (auto i = messages_.size(); i > 0; --i) {
        if (newest_ - messages_[i - 1].number >= wire::message_numbers) {
            give_up(messages_.begin() + static_cast<std::ptrdiff_t>(i - 1));
        }
    }
}

bool message_assembly::is_done(std::uint32_t number) const noexcept {
    if (number > newest_) return false;
    const auto age = newest_ - number;
    return age >= wire::message_numbers || ((done_ >> age) & 1U) != 0;
}

void message_assembly::mark_done(std::uint32_t number) noexcept { done_ |= std::uint64_t{1} << (newest_ - number); }

message_assembly::messages::iterator message_assembly::find(std::uint32_t number) noexcept {
    return std::ranges::find(messages_, number, &incoming::number);
}

/// Makes the blocks that the part lies in, if all of them may be had.
bool message_assembly::reserve(incoming& message, const wire::message_part& part) {
    const auto begin = part.offset / block_bytes;
    const auto end = (part.offset + part.data.size() - 1) / block_bytes + 1;
    const auto places = std::min(std::bit_ceil(end), (message.size - 1) / block_bytes + 1);
    auto wanted = message.memory == 0 ? sizeof(incoming) : 0;
    if (places > message.blocks.capacity()) {
        wanted += (places - message.blocks.capacity()) * sizeof(std::unique_ptr<block>);
    }
    for (auto i = begin; i < end; ++i) {
        if (i >= message.blocks.size() || !message.blocks[i]) wanted += sizeof(block);
    }
    if (wanted == 0) return true;
    if (!budget_->take(wanted)) return false;
    memory_ += wanted;
    message.memory += wanted;
    message.blocks.reserve(places);
    if (end > message.blocks.size()) message.blocks.resize(end);
    for (auto i = begin; i < end; ++i) {
        if (!message.blocks[i]) message.blocks[i] = std::make_unique_for_overwrite<block>();
    }
    return true;
}

result<void> message_assembly::store(incoming& message, const wire::message_part& part) {
    std::size_t done = 0;
    while (done < part.data.size()) {
        const auto at = part.offset + done;
        auto& target = *message.blocks[at / block_bytes];
        const auto in_block = at % block_bytes;
        const auto in_word = in_block % word_bits;
        const auto count = std::min(word_bits - in_word, part.data.size() - done);
        auto& came = target.came[in_block / word_bits];
        const auto mask = mask_of(in_word, in_word + count);
        const auto* from = part.data.data() + done;
        if (!same(from, target.data.data() + in_block, (came & mask) >> in_word)) {
            return failure(errc::protocol_violation);
        }
        std::memcpy(target.data.data() + in_block, from, count);
        message.came += static_cast<std::uint32_t>(std::popcount(mask & ~came));
        came |= mask;
        done += count;
    }
    return {};
}

bytes message_assembly::finish(messages::iterator message) {
    bytes out;
    out.reserve(message->size);
    for (auto& one : message->blocks) {
        const auto count = std::min<std::size_t>(block_bytes, message->size - out.size());
        out.insert(out.end(), one->data.begin(), one->data.begin() + static_cast<std::ptrdiff_t>(count));
        one.reset();
    }
    mark_done(message->number);
    drop(message);
    return out;
}

void message_assembly::drop(messages::iterator message) noexcept {
    memory_ -= message->memory;
    announced_ -= message->size;
    budget_->give(message->memory);
    if (message != messages_.end() - 1) *message = std::move(messages_.back());
    messages_.pop_back();
}

void message_assembly::give_up(messages::iterator message) noexcept {
    drop(message);
    budget_->note_cut_off(1);
}

steady_time message_assembly::expiry(const incoming& message) const noexcept {
    return std::min(message.last_at + limits_.silence, message.first_at + limits_.whole);
}

std::optional<steady_time> message_assembly::next_expiry() const noexcept {
    std::optional<steady_time> out;
    for (const auto& message : messages_) {
        if (!out || expiry(message) < *out) out = expiry(message);
    }
    return out;
}

void message_assembly::expire(steady_time now) noexcept {
    for (auto i = messages_.size(); i > 0; --i) {
        const auto message = messages_.begin() + static_cast<std::ptrdiff_t>(i - 1);
        if (expiry(*message) > now) continue;
        mark_done(message->number);
        give_up(message);
    }
}

void message_assembly::release() noexcept {
    if (messages_.empty()) messages().swap(messages_);
}

}  // namespace mydht::detail
