#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <mydht/core/bytes.hpp>

/// Records cut a stream into pieces that can be encrypted: a u16 length, big-endian as in Noise, and so many bytes. Noise
/// handshake messages and transport ciphertexts alike. The plaintexts of the transport records, one behind the other, are
/// the frame stream (mydht/wire/frame.hpp); where records begin and end has no meaning.
namespace mydht::wire {

inline constexpr std::size_t record_header_bytes = 2;
/// The largest record behind its length.
inline constexpr std::size_t record_bytes_max = 65535;
/// What the cipher adds to a plaintext.
inline constexpr std::size_t record_tag_bytes = 16;
/// The largest plaintext of a record; the same in plain links, so that frames are cut alike.
inline constexpr std::size_t record_plaintext_max = record_bytes_max - record_tag_bytes;

/// Appends the length. The caller appends exactly so many bytes behind it. `size` is at most record_bytes_max (asserted).
void append_record_header(bytes& out, std::size_t size);
/// Appends a whole record. `data` is at most record_bytes_max long (asserted).
void append_record(bytes& out, bytes_view data);

/// Takes the next record's plaintext off the front of `rest`: as much as one record holds. Empty only when `rest` was.
[[nodiscard]] bytes_view next_plaintext(bytes_view& rest) noexcept;

/// Finds the records in the bytes of a stream. No I/O: the caller reads into prepare(), says commit(n), and takes records
/// until next() has none.
///
/// Records are handed out where they lie, writable, so that they can be decrypted in place. Memory: at most one record and
/// one read's worth; nothing at all after release() until the next prepare().
class record_decoder {
public:
    /// `read_bytes`: the least room that prepare() gives when the length of the next record is not known yet.
    explicit record_decoder(std::size_t read_bytes = 4096);

    /// Room for the next read; never empty. All of it may be filled. Ends the validity of records handed out before.
    [[nodiscard]] bytes_span prepare();
    /// Says how many bytes of the room were filled, from its start; at most its size (asserted).
    void commit(std::size_t count);

    /// The next complete record, without its length; nothing when more bytes are needed. May be empty: then it was an empty
    /// record. Valid until the next call of prepare() or release(), also across calls of next().
    [[nodiscard]] std::optional<bytes_span> next();

    /// True when no part of a record is waiting: a stream that ends now ends in order.
    [[nodiscard]] bool at_boundary() const noexcept { return begin_ == end_; }
    /// Gives the memory back if nothing is waiting in it.
    void release() noexcept;
    /// Bytes of memory held.
    [[nodiscard]] std::size_t memory() const noexcept { return buffer_.capacity(); }

private:
    [[nodiscard]] std::size_t waiting() const noexcept { return end_ - begin_; }
    [[nodiscard]] std::size_t announced() const noexcept;

    std::size_t read_bytes_;
    bytes buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace mydht::wire
