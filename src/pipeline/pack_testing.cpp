#include "pipeline/pack_testing.hpp"

#include "base/error.hpp"
#include "pack_layout.hpp"

#include <algorithm>

namespace holdfast::pipeline {

using base::Bytes;
using base::ByteView;

TestKeys::TestKeys(std::uint64_t seed) : index_key(32) {
  crypto::initialise();
  base::SeededRandom random(seed);
  repository = random.id<base::RepositoryId>();
  random.fill(index_key.mutable_view());
  epoch_pair = crypto::make_box_key_pair(random);
}

PackWriteKeys TestKeys::write_keys() const {
  return {repository, 3, epoch_pair.public_key, index_key.clone()};
}

TestPack write_test_pack(const TestKeys& keys, PackKind kind, std::size_t segment_count,
                         PackBuilder::Padding padding, PackBuilder::Parity parity) {
  base::SeededRandom random(segment_count);
  PackBuilder builder(keys.write_keys(), kind, random, parity);
  auto key = builder.cipher();
  SegmentCodec codec;
  TestPack pack;
  pack.bytes = base::copy_of(builder.header());
  for (std::size_t i = 0; i < segment_count; ++i) {
    SegmentBuilder segment;
    for (std::size_t j = 0; j <= i % 3; ++j) {
      Bytes chunk(100 + random.below(i < 4 ? 300 : 20'000), std::byte{'x'});
      if (i % 2 == 0) random.fill(chunk);
      segment.add(random.id<base::ChunkId>(), chunk);
      pack.chunks.push_back(std::move(chunk));
    }
    const auto context = builder.reserve();
    const auto encoded = segment.encode();
    const auto framed = codec.seal(key, context, codec.compress(encoded), encoded);
    builder.append(context, framed, static_cast<std::uint32_t>(encoded.size()), segment.chunks());
    base::append(pack.bytes, framed);
  }
  base::append(pack.bytes, builder.finish(padding));
  pack.directory = builder.directory();
  return pack;
}

PackTrailer read_trailer(ByteView pack) {
  return parse_pack_trailer(pack.last(trailer_size_bound(pack.size())), pack.size());
}

PackDirectory read_directory(const TestKeys& keys, ByteView pack) {
  const auto trailer = read_trailer(pack);
  return open_pack_directory(keys.write_keys(), parse_pack_header(pack),
                             pack.subspan(trailer.directory_offset, trailer.directory_size),
                             pack.size());
}

std::vector<Bytes> read_chunks(const TestKeys& keys, ByteView pack) {
  const auto header = parse_pack_header(pack);
  auto key = open_pack_key(header, keys.repository, keys.epoch_pair);
  SegmentCodec codec;
  std::vector<Bytes> chunks;
  for (const auto& segment : read_directory(keys, pack).segments) {
    const SegmentContext context{keys.repository, header.pack,
                                 static_cast<std::uint8_t>(header.kind), header.epoch,
                                 segment.position};
    const auto decoded =
        decode_segment(codec.open(key, context, pack.subspan(segment.offset, segment.stored_size)));
    for (const auto& chunk : segment.chunks) {
      chunks.push_back(base::copy_of(decoded.bytes.subspan(chunk.offset, chunk.length)));
    }
  }
  return chunks;
}

std::vector<std::size_t> damaged_sectors(ByteView pack, const PackTrailer& trailer) {
  std::vector<std::size_t> damaged;
  const auto found = checksums_of(pack.first(trailer.covered_size()), sector_size);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] != trailer.sector_checksums[i]) damaged.push_back(i);
  }
  return damaged;
}

void check_pack(const TestKeys& keys, ByteView pack) {
  const auto trailer = read_trailer(pack);
  if (!damaged_sectors(pack, trailer).empty()) {
    throw base::Error(base::ErrorKind::corrupt, "a sector is damaged");
  }
  if (trailer.parity.sectors() != 0) {
    const auto parity =
        pack.subspan(trailer.parity_offset(), trailer.trailer_offset - trailer.parity_offset());
    const auto copies = pack.subspan(trailer.covered_size(), pack_header_size + trailer.size());
    if (checksums_of(parity, parity.size() / trailer.parity.sectors()) !=
            trailer.parity_checksums ||
        !std::ranges::equal(copies.first(pack_header_size), pack.first(pack_header_size)) ||
        !std::ranges::equal(copies.subspan(pack_header_size), pack.last(trailer.size()))) {
      throw base::Error(base::ErrorKind::corrupt, "the parity or a copy is damaged");
    }
  }
  read_chunks(keys, pack);
}

}  // namespace holdfast::pipeline
