#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "crypto/aead.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace holdfast::pipeline {

/// A chunk inside a segment's plain bytes.
struct ChunkInSegment {
  base::ChunkId id;
  std::uint32_t offset = 0;  // within the chunk bytes of the segment
  std::uint32_t length = 0;
  bool operator==(const ChunkInSegment&) const = default;
};

/// More would let the table of lengths outgrow the bytes: tiny files begin a new segment.
inline constexpr std::uint32_t segment_chunks_max = 8192;
inline constexpr std::uint32_t segment_raw_size_max = 16 * 1024 * 1024;
inline constexpr std::uint32_t segment_lengths_size_max = 4 + 4 * segment_chunks_max;
inline constexpr std::uint32_t encoded_segment_size_max =
    segment_raw_size_max + segment_lengths_size_max;

/// Chunks gathered to be compressed and sealed together.
///
/// Shape: the encoded form is u32 count, count x u32 length, then the chunks' bytes: enough to
/// rebuild a lost directory from the segments alone.
class SegmentBuilder {
public:
  /// Raw bytes after which a segment is full; a single chunk may make it larger, up to
  /// raw_size_max.
  explicit SegmentBuilder(std::size_t raw_size_target = 4 * 1024 * 1024);
  static constexpr std::size_t raw_size_max = segment_raw_size_max;

  /// Whether a chunk of `length` should go to the next segment.
  bool should_seal_before(std::size_t length) const;
  bool empty() const { return chunks_.empty(); }
  /// The caller asked should_seal_before; a chunk is at most raw_size_max long.
  void add(const base::ChunkId& id, base::ByteView bytes);
  const std::vector<ChunkInSegment>& chunks() const { return chunks_; }
  /// u32 count, lengths, bytes. Valid until the next call of add or clear.
  base::ByteView encode();
  void clear();

private:
  std::size_t raw_size() const { return buffer_.size() - segment_lengths_size_max; }

  std::size_t target_;
  std::vector<ChunkInSegment> chunks_;
  // Room for the count and the lengths, then the chunks' bytes: encode() moves no byte of a chunk.
  base::Buffer buffer_;
};

/// Where a segment stands: bound into its seal, so that it opens nowhere else.
struct SegmentContext {
  base::RepositoryId repository;
  base::PackId pack;
  std::uint8_t kind = 0;
  std::uint32_t epoch = 0;
  std::uint32_t position = 0;
};

/// Compresses (zstd) and seals segments, and opens them. Keeps contexts and buffers: one per
/// thread.
///
/// Every sealed segment is opened, decompressed and compared with its input before it is handed
/// out, so that a compressor bug or a bad memory bit never reaches a store.
class SegmentCodec {
public:
  static constexpr int default_level = 3;

  /// A level of zstd; the default one with tables of its own, see
  /// docs/decisions/0001-segment-compression.md.
  /// Errors: invalid_input for a level that zstd does not have.
  explicit SegmentCodec(int compression_level = default_level);
  ~SegmentCodec();
  SegmentCodec(SegmentCodec&&) noexcept;
  SegmentCodec& operator=(SegmentCodec&&) noexcept;

  /// Step one, needs no pack: returns the encoded bytes compressed, or as they are when that is not
  /// smaller. Valid until the next call of compress.
  struct Compressed {
    base::ByteView bytes;
    std::uint32_t encoded_size = 0;
    bool is_zstd = false;
  };
  Compressed compress(base::ByteView encoded);

  /// Step two: the framed segment as it stands in a pack (magic, position, sizes, box). `encoded`
  /// is what was given to compress. Errors: corrupt if the read-back differs. Valid until the next
  /// call of seal.
  base::ByteView seal(crypto::Aead& key, const SegmentContext& context,
                      const Compressed& compressed, base::ByteView encoded);

  /// Opens a framed segment; returns its encoded form (valid until the next call of open or seal).
  /// Errors: corrupt, naming the pack and position. Sizes are bounded before anything is allocated.
  base::ByteView open(crypto::Aead& key, const SegmentContext& context, base::ByteView framed);

private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Whether a framed segment holds its chunks as they are, so that one can be read without the rest.
bool is_stored_plain(std::uint32_t stored_size, std::uint32_t encoded_size);
/// Where the bytes of a chunk stand in a segment that is stored plain and has `chunk_count` chunks:
/// bytes from the start of the frame.
std::uint64_t plain_chunk_offset(std::size_t chunk_count, const ChunkInSegment& chunk);
/// The chunk whose sealed bytes are `sealed`; as many bytes. They are not authenticated: the caller
/// compares them with the chunk's id.
void open_plain_chunk(crypto::Aead& key, std::uint32_t position, std::uint64_t offset_in_frame,
                      base::ByteView sealed, base::MutableBytes chunk_bytes);

/// The chunk lengths and bytes of an encoded segment. Errors: corrupt when the counts do not add
/// up.
struct DecodedSegment {
  std::vector<std::uint32_t> lengths;
  base::ByteView bytes;  // all chunks, one after the other
};
DecodedSegment decode_segment(base::ByteView encoded);

}  // namespace holdfast::pipeline
