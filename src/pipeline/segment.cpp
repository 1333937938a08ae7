#include "pipeline/segment.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "frame.hpp"
#include "pipeline/entropy.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <array>
#include <cstring>
#include <new>
#include <string>

namespace holdfast::pipeline {

using base::ByteView;
using base::Error;
using base::ErrorKind;
using crypto::aead_tag_size;

namespace {

// The window is a whole segment of the usual size; both tables of the default level stay in a
// core's own cache. Measured in docs/decisions/0001-segment-compression.md.
constexpr int window_log = 22;
constexpr int default_hash_log = 15;
constexpr int default_chain_log = 13;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

std::string describe(const SegmentContext& context) {
  return fmt::format("segment {} of pack {}", context.position, context.pack.short_hex());
}

[[noreturn]] void fail_corrupt(const SegmentContext& context, const char* what) {
  throw Error(ErrorKind::corrupt, fmt::format("{} {}", describe(context), what));
}

/// Repository, pack, kind, epoch, frame header: a box moved anywhere else does not open.
using Associated = std::array<std::byte, 32 + 32 + 1 + 4 + frame_header_size>;

Associated associated_data(const SegmentContext& context, const std::byte* frame_header) {
  Associated data;
  std::memcpy(data.data(), context.repository.view().data(), 32);
  std::memcpy(data.data() + 32, context.pack.view().data(), 32);
  base::store_le(data.data() + 64, context.kind);
  base::store_le(data.data() + 65, context.epoch);
  std::memcpy(data.data() + 69, frame_header, frame_header_size);
  return data;
}

}  // namespace

struct SegmentCodec::State {
  std::unique_ptr<ZSTD_CCtx, FreeContext> compressor{ZSTD_createCCtx()};
  std::unique_ptr<ZSTD_DCtx, FreeContext> decompressor{ZSTD_createDCtx()};
  base::Buffer compressed;
  base::Buffer framed;
  base::Buffer opened;   // what was in the box
  base::Buffer decoded;  // decompressed

  /// The encoded segment in `box`, which belongs to `header` and `associated`.
  ByteView open_box(crypto::Aead& key, const SegmentContext& context, const FrameHeader& header,
                    ByteView associated, ByteView box);
};

SegmentCodec::SegmentCodec(int compression_level) : state_(std::make_unique<State>()) {
  if (!state_->compressor || !state_->decompressor) throw std::bad_alloc();
  if (compression_level < ZSTD_minCLevel() || compression_level > ZSTD_maxCLevel()) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("compression level {} is not one of zstd's", compression_level));
  }
  const auto set = [&](ZSTD_cParameter parameter, int value) {
    const auto result = ZSTD_CCtx_setParameter(state_->compressor.get(), parameter, value);
    HF_ASSERT(ZSTD_isError(result) == 0, "zstd has these parameters");
  };
  set(ZSTD_c_compressionLevel, compression_level);
  set(ZSTD_c_windowLog, window_log);
  if (compression_level == default_level) {
    set(ZSTD_c_hashLog, default_hash_log);
    set(ZSTD_c_chainLog, default_chain_log);
  }
}

SegmentCodec::~SegmentCodec() = default;
SegmentCodec::SegmentCodec(SegmentCodec&&) noexcept = default;
SegmentCodec& SegmentCodec::operator=(SegmentCodec&&) noexcept = default;

SegmentCodec::Compressed SegmentCodec::compress(ByteView encoded) {
  HF_ASSERT(encoded.size() <= encoded_segment_size_max, "segments are bounded by their builder");
  const Compressed as_it_is{encoded, static_cast<std::uint32_t>(encoded.size()), false};
  if (looks_incompressible(encoded)) return as_it_is;
  auto& out = state_->compressed;
  out.reserve_discarding(ZSTD_compressBound(encoded.size()));
  const auto size = ZSTD_compress2(state_->compressor.get(), out.data(), out.capacity(),
                                   encoded.data(), encoded.size());
  HF_ASSERT(ZSTD_isError(size) == 0, "zstd compresses into a buffer of its own bound");
  if (size >= encoded.size()) return as_it_is;
  out.set_size(size);
  return {out.view(), as_it_is.encoded_size, true};
}

ByteView SegmentCodec::seal(crypto::Aead& key, const SegmentContext& context,
                            const Compressed& compressed, ByteView encoded) {
  const FrameHeader header{
      context.position, static_cast<std::uint32_t>(compressed.bytes.size() + aead_tag_size),
      compressed.encoded_size,
      compressed.is_zstd ? FrameHeader::Encoding::zstd : FrameHeader::Encoding::plain};
  auto& framed = state_->framed;
  framed.reserve_discarding(frame_header_size + header.box_size);
  framed.set_size(frame_header_size + header.box_size);
  store_frame_header(header, framed.data());
  const auto associated = associated_data(context, framed.data());
  const base::MutableBytes box(framed.data() + frame_header_size, header.box_size);
  key.seal(context.position, associated, compressed.bytes, box);

  const auto read_back = state_->open_box(key, context, header, associated, box);
  if (read_back.size() != encoded.size() ||
      std::memcmp(read_back.data(), encoded.data(), encoded.size()) != 0) {
    throw Error(ErrorKind::corrupt,
                fmt::format("{} does not decode to what was put in it", describe(context)))
        .set_hint("check this machine's memory: what it computes differs from run to run");
  }
  return framed.view();
}

ByteView SegmentCodec::open(crypto::Aead& key, const SegmentContext& context, ByteView framed) {
  const auto header = parse_frame_header(framed);
  if (!header) fail_corrupt(context, "has no valid frame");
  if (header->position != context.position) fail_corrupt(context, "stands at another position");
  const auto box = framed.subspan(frame_header_size);
  if (box.size() != header->box_size) fail_corrupt(context, "has another size than its frame says");
  const auto associated = associated_data(context, framed.data());
  return state_->open_box(key, context, *header, associated, box);
}

ByteView SegmentCodec::State::open_box(crypto::Aead& key, const SegmentContext& context,
                                       const FrameHeader& header, ByteView associated,
                                       ByteView box) {
  opened.reserve_discarding(box.size() - aead_tag_size);
  opened.set_size(box.size() - aead_tag_size);
  base::with_context(
      [&] { return "opening " + describe(context); },
      [&] { key.open(context.position, associated, box, opened.all().first(opened.size())); });
  if (header.encoding == FrameHeader::Encoding::plain) return opened.view();

  if (ZSTD_getFrameContentSize(opened.data(), opened.size()) != header.encoded_size) {
    fail_corrupt(context, "holds a compressed frame of another size");
  }
  decoded.reserve_discarding(header.encoded_size);
  const auto size = ZSTD_decompressDCtx(decompressor.get(), decoded.data(), header.encoded_size,
                                        opened.data(), opened.size());
  if (ZSTD_isError(size) != 0 || size != header.encoded_size) {
    fail_corrupt(context, "does not decompress");
  }
  decoded.set_size(size);
  return decoded.view();
}

bool is_stored_plain(std::uint32_t stored_size, std::uint32_t encoded_size) {
  return stored_size == std::uint64_t{encoded_size} + frame_overhead;  // compressed is smaller
}

std::uint64_t plain_chunk_offset(std::size_t chunk_count, const ChunkInSegment& chunk) {
  return frame_header_size + sizeof(std::uint32_t) * (1 + std::uint64_t{chunk_count}) +
         chunk.offset;
}

void open_plain_chunk(crypto::Aead& key, std::uint32_t position, std::uint64_t offset_in_frame,
                      ByteView sealed, base::MutableBytes chunk_bytes) {
  key.decrypt_part(position, offset_in_frame - frame_header_size, sealed, chunk_bytes);
}

}  // namespace holdfast::pipeline
