#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "pipeline/segment.hpp"

#include <cstring>

namespace holdfast::pipeline {

SegmentBuilder::SegmentBuilder(std::size_t raw_size_target)
    : target_(raw_size_target), buffer_(segment_lengths_size_max + raw_size_target) {
  HF_ASSERT(raw_size_target <= raw_size_max, "a full segment must fit its own limit");
  buffer_.set_size(segment_lengths_size_max);
}

bool SegmentBuilder::should_seal_before(std::size_t length) const {
  if (empty()) return false;
  return raw_size() + length > target_ || chunks_.size() >= segment_chunks_max;
}

void SegmentBuilder::add(const base::ChunkId& id, base::ByteView bytes) {
  HF_ASSERT(!should_seal_before(bytes.size()), "a full segment is sealed before the next chunk");
  HF_ASSERT(bytes.size() <= raw_size_max, "no chunk is larger than a segment may be");
  if (bytes.size() > buffer_.room()) {
    // Only a first chunk is larger than the target, so there is nothing to keep.
    buffer_.reserve_discarding(segment_lengths_size_max + bytes.size());
    buffer_.set_size(segment_lengths_size_max);
  }
  chunks_.push_back(
      {id, static_cast<std::uint32_t>(raw_size()), static_cast<std::uint32_t>(bytes.size())});
  buffer_.append(bytes);
}

base::ByteView SegmentBuilder::encode() {
  const std::size_t start = segment_lengths_size_max - 4 * (chunks_.size() + 1);
  std::byte* to = buffer_.data() + start;
  base::store_le(to, static_cast<std::uint32_t>(chunks_.size()));
  for (const auto& chunk : chunks_)
    base::store_le(to += 4, chunk.length);
  return buffer_.view().subspan(start);
}

void SegmentBuilder::clear() {
  chunks_.clear();
  buffer_.set_size(segment_lengths_size_max);
}

DecodedSegment decode_segment(base::ByteView encoded) {
  base::ByteReader reader(encoded, "segment");
  const auto count = reader.take<std::uint32_t>();
  if (count > segment_chunks_max) {
    throw base::Error(base::ErrorKind::corrupt, "a segment claims too many chunks");
  }
  const auto table = reader.take_bytes(std::size_t{4} * count);
  DecodedSegment segment;
  segment.lengths.resize(count);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < count; ++i) {
    segment.lengths[i] = base::load_le<std::uint32_t>(table.data() + 4 * i);
    total += segment.lengths[i];
  }
  if (total != reader.left()) {
    throw base::Error(base::ErrorKind::corrupt,
                      "the chunk lengths of a segment do not add up to its size");
  }
  segment.bytes = reader.take_bytes(reader.left());
  return segment;
}

}  // namespace holdfast::pipeline
