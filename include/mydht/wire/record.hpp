#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>

/// Records cut a stream into pieces that can be encrypted: a u16 length, big-endian as in Noise, and so many bytes.
/// Noise handshake messages and transport ciphertexts alike. The plaintexts of the transport records, one behind the
/// other, are the frame stream (mydht/wire/frame.hpp); where records begin and end has no meaning.
namespace mydht::wire {

inline constexpr std::size_t record_header_bytes = 2;
/// The largest record behind its length.
inline constexpr std::size_t record_bytes_max = 65535;
/// What the cipher adds to a plaintext.
inline constexpr std::size_t record_tag_bytes = 16;
/// The largest plaintext of a record; the same in plain links, so that frames are cut alike.
inline constexpr std::size_t record_plaintext_max = record_bytes_max - record_tag_bytes;

/// Appends the length. The caller appends exactly so many bytes behind it. `size` is at most record_bytes_max
/// (asserted).
void append_record_header(bytes& out, std::size_t size);
/// Appends a whole record. `data` is at most record_bytes_max long (asserted).
void append_record(bytes& out, bytes_view data);

/// Takes the next record's plaintext off the front of `rest`: as much as one record holds. Empty only when `rest` was.
[[nodiscard]] bytes_view next_plaintext(bytes_view& rest) noexcept;

/// Finds the records in the bytes of a stream. No I/O: the caller reads into prepare(), says commit(n), and takes
/// records until next() has none.
///
/// Records are handed out where they lie, writable, so that they can be decrypted in place; the first one after a pause
/// is aligned to 8 bytes. Memory grows with the bytes that came, never with the length that was announced: at most one
/// record and one read's worth, and nothing at all after release() until the next prepare().
class record_decoder {
public:
    /// `read_bytes`: the room that the first read of a record gets, at least 1 (asserted). `size_max`: the largest
    /// record to take, smaller than the default while the peer is unknown.
    explicit record_decoder(std::size_t read_bytes = 4096, std::size_t size_max = record_bytes_max);

    /// Room for the next read, never empty; all of it may be filled. Ends the validity of records handed out before.
    /// Called when next() has no more: records that were not taken are kept, and cost memory.
    [[nodiscard]] bytes_span prepare();
    /// Says how many bytes of the room were filled, from its start; at most its size (asserted).
    void commit(std::size_t count);

    /// The next complete record, without its length; nothing when more bytes are needed. It may be empty. Valid until
    /// the next prepare() or release(), also across further calls of next(). Errors: errc::too_large as soon as the
    /// length is there; it stays.
    [[nodiscard]] result<std::optional<bytes_span>> next();

    /// The largest record to take from now on.
    void set_size_max(std::size_t size_max) noexcept { size_max_ = size_max; }

    /// The least room of further prepare() calls, at least 1: more while much comes in, little while a stream is idle.
    void set_read_bytes(std::size_t read_bytes) noexcept { read_bytes_ = read_bytes; }

    [[nodiscard]] std::size_t read_bytes() const noexcept { return read_bytes_; }

    /// True when no part of a record is waiting: a stream that ends now ends in order.
    [[nodiscard]] bool at_boundary() const noexcept { return begin_ == end_; }
    /// Gives the memory back if nothing is waiting in it.
    void release() noexcept;
    /// Bytes of memory held.
    [[nodiscard]] std::size_t memory() const noexcept { return buffer_.capacity(); }

private:
    [[nodiscard]] std::size_t waiting() const noexcept { return end_ - begin_; }
    /// The announced length of the record at the front, whose header is there.
    [[nodiscard]] std::size_t announced() const noexcept;
    [[nodiscard]] std::size_t room_wanted() const noexcept;

    std::size_t read_bytes_;
    std::size_t size_max_;
    bytes buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace mydht::wire
