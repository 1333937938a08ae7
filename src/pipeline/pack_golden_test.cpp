#include "pipeline/pack.hpp"

#include <gtest/gtest.h>

// A tree pack of format version 1 as it was written once: whatever changes, it must stay readable.
// Its bytes were also taken apart by an independent reader made from docs/format/repository.md.

namespace holdfast::pipeline {
namespace {

using base::Bytes;
using base::ByteView;

constexpr const char* golden_pack =
    "48465041434b0d0a01000102030000005ac389a30c3b0363f83697934d3197c047c16b10f0d3923b45b905da"
    "c24e6e19777e17f97305ca4204737d50363348d486fb8a801efef82d941d64e63c38f06b49ced84976f5c781"
    "336ec2d95f24de1bf418968928d73d698a5c9957cf3c6e9399042e7d84b235f5a02f6c41651e0d9f9cbed2de"
    "7e180a49ed937014ba81d1b1b79557c3a6b012efdb53e27550cccdd2442b8b231c43a8f00000000000000000"
    "000000000000000000000000000000004846534700000000230000001300000000000000000000002eafabfc"
    "40d53fbb1d305e23eb8c2123aa624668e8405deea75dca1b31d89109b9174448465347010000002a000000f0"
    "03000001000000000000008527209a08cb0a060a39bcdba5aa8247a4bfa880b3819475757fe320337863bab3"
    "ed15c1cc8480a52968e8e9e99e3aea2b6d63d7996087147b9aa7c67c25e95552733ca705558aecfe2245d722"
    "940f948937554aceda1270b1d147953cd0ac60347a870b44be0141ead0b71f85bbf04460ee8940b296820fc8"
    "d0211645851f8c6babb50b9bb5645da7231978a149ba2877c0f37d376e1a02d53a88aaec31404e516a11e761"
    "05e88903c07a5c49b671da8e90451e033bf5ac46765b5f1253c4a03c417d09f0d9ee59c323bb4bc926640361"
    "0e37cbb70ea9a9d9ce8b52727afb64f8ccd13e6ae5f4c037b140a9e13d01000000000000bb00000000000000"
    "010000000000000070ed7c1b28a1195f48465041434b4e44";

Bytes filled(unsigned char value) { return Bytes(32, std::byte{value}); }

TEST(PackGolden, version_1_is_read) {
  const auto bytes = base::from_hex(golden_pack);
  const auto pair = crypto::box_key_pair_of(filled(0x33));
  const PackWriteKeys keys{base::RepositoryId::from_bytes(filled(0x11)), 3, pair.public_key,
                           base::Secret(filled(0x22))};
  const auto header = parse_pack_header(bytes);
  EXPECT_EQ(header.pack.short_hex(), "5ac389a3");
  EXPECT_EQ(header.kind, PackKind::tree);
  const auto tail = ByteView(bytes).last(trailer_size_bound(bytes.size()));
  const auto trailer = parse_pack_trailer(tail, bytes.size());
  ASSERT_EQ(trailer.sector_checksums.size(), 1U);
  EXPECT_EQ(sector_checksum(ByteView(bytes).first(trailer.covered_size())),
            trailer.sector_checksums[0]);
  const auto sealed = ByteView(bytes).subspan(trailer.directory_offset, trailer.directory_size);
  const auto directory = open_pack_directory(keys, header, sealed, bytes.size());
  ASSERT_EQ(directory.segments.size(), 2U);
  ASSERT_EQ(directory.segments[0].chunks.size(), 2U);
  EXPECT_EQ(directory.segments[0].chunks[1],
            (ChunkInSegment{base::ChunkId::from_bytes(filled(0x55)), 5, 2}));

  auto key = open_pack_key(header, keys.repository, pair);
  SegmentCodec codec;
  const auto chunk_bytes = [&](const SegmentInPack& segment) {
    const SegmentContext context{keys.repository, header.pack, 2, 3, segment.position};
    const auto framed = ByteView(bytes).subspan(segment.offset, segment.stored_size);
    return base::copy_of(decode_segment(codec.open(key, context, framed)).bytes);
  };
  EXPECT_EQ(chunk_bytes(directory.segments[0]), base::copy_of(base::as_bytes("alphabe")));
  EXPECT_EQ(chunk_bytes(directory.segments[1]), Bytes(1000, std::byte{'c'}));
}

}  // namespace
}  // namespace holdfast::pipeline
