#include "index_segment.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "index_testing.hpp"
#include "storage/memory/memory_backend.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace holdfast::repository {
namespace {

using base::Bytes;
using base::Error;
using base::ErrorKind;

void expect_same(const IndexSegmentBody& a, const IndexSegmentBody& b) {
  ASSERT_EQ(a.packs.size(), b.packs.size());
  for (std::size_t i = 0; i < a.packs.size(); ++i) {
    EXPECT_EQ(a.packs[i].id, b.packs[i].id);
    EXPECT_EQ(a.packs[i].kind, b.packs[i].kind);
    EXPECT_EQ(a.packs[i].epoch, b.packs[i].epoch);
    EXPECT_EQ(a.packs[i].size, b.packs[i].size);
  }
  EXPECT_EQ(a.segments, b.segments);
  ASSERT_EQ(a.chunks.size(), b.chunks.size());
  for (std::size_t i = 0; i < a.chunks.size(); ++i) {
    EXPECT_EQ(a.chunks[i].id, b.chunks[i].id);
    EXPECT_EQ(a.chunks[i].segment, b.chunks[i].segment);
    EXPECT_EQ(a.chunks[i].offset, b.chunks[i].offset);
    EXPECT_EQ(a.chunks[i].length, b.chunks[i].length);
  }
}

class IndexSegmentTest : public ::testing::Test {
protected:
  base::SeededRandom random{7};
  KeyBundle keys = make_owner_bundle(random);
  base::RepositoryId repository = random.id<base::RepositoryId>();
  base::IndexId id = random.id<base::IndexId>();

  Bytes sealed() {
    return seal_index_segment(index_body_of(make_directories(random, {})), id, repository, keys,
                              random);
  }
};

RC_GTEST_PROP(IndexSegmentProperty, DecodesToWhatWasEncoded, (std::uint32_t seed)) {
  base::SeededRandom random(seed);
  const auto body =
      index_body_of(make_directories(random, {random.below(4), random.below(20), random.below(9)}));
  expect_same(body, decode_index_body(encode_index_body(body)));
}

RC_GTEST_PROP(IndexSegmentProperty, AnyDamageToTheBodyIsCorruptOrHarmless, (std::uint32_t seed)) {
  base::SeededRandom random(seed);
  auto bytes = encode_index_body(index_body_of(make_directories(random, {2, 3, 4})));
  for (int i = 0; i < 50; ++i) {
    auto changed = bytes;
    changed[random.below(changed.size())] ^= static_cast<std::byte>(1 + random.below(255));
    if (random.below(4) == 0) changed.resize(random.below(changed.size()));
    try {
      static_cast<void>(decode_index_body(changed));
    } catch (const Error& error) {
      RC_ASSERT(error.kind() == ErrorKind::corrupt);
    }
  }
}

TEST_F(IndexSegmentTest, SegmentsAppendedOutOfOrderKeepTheirPositions) {
  auto packs = make_directories(random, {1, 3, 2});
  packs[0].segments[0].position = 2;
  packs[0].segments[2].position = 0;
  const auto body = decode_index_body(encode_index_body(index_body_of(packs)));
  EXPECT_EQ(body.segments[0].position, 2U);
  EXPECT_EQ(body.segments[1].position, 1U);
  EXPECT_EQ(body.segments[2].position, 0U);
}

TEST_F(IndexSegmentTest, AnEntryCostsLittleMoreThanItsId) {
  const MadePacks small_files{4, 150, 60};
  const auto chunks = 4 * 150 * 60;
  const auto body = index_body_of(make_directories(random, small_files));
  EXPECT_LE(seal_index_segment(body, id, repository, keys, random).size(), chunks * 35);
  const auto large = index_body_of(make_directories(random, {100, 60, 1}));
  EXPECT_LE(seal_index_segment(large, id, repository, keys, random).size(), 100 * 60 * 40);
}

TEST_F(IndexSegmentTest, ImpossibleDirectoriesAreRefused) {
  const auto expect_refused = [&](auto&& change) {
    auto packs = make_directories(random, {1, 2, 2});
    change(packs[0]);
    try {
      static_cast<void>(index_body_of(packs));
      ADD_FAILURE() << "was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    }
  };
  expect_refused([](auto& pack) { pack.segments[1].offset = pack.segments[0].offset; });
  expect_refused([](auto& pack) { pack.segments[1].offset = pack.size + 1; });
  expect_refused([](auto& pack) { pack.size = pack.segments[1].offset + 1; });
  expect_refused([](auto& pack) { ++pack.segments[0].chunks[1].offset; });
}

TEST_F(IndexSegmentTest, OpensOnlyUnderItsOwnNameKeyAndRepository) {
  const auto object = sealed();
  EXPECT_NO_THROW(static_cast<void>(open_index_segment(object, id, repository, keys)));
  const auto kind_of = [&](const base::IndexId& name, const base::RepositoryId& of,
                           const KeyBundle& with) {
    try {
      static_cast<void>(open_index_segment(object, name, of, with));
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(index_object_name(name)));
      return error.kind();
    }
    return ErrorKind::io;
  };
  EXPECT_EQ(kind_of(random.id<base::IndexId>(), repository, keys), ErrorKind::corrupt);
  EXPECT_EQ(kind_of(id, random.id<base::RepositoryId>(), keys), ErrorKind::corrupt);
  const auto other_keys = make_owner_bundle(random);
  EXPECT_EQ(kind_of(id, repository, other_keys), ErrorKind::wrong_key);
}

TEST_F(IndexSegmentTest, EveryFlippedByteIsCorrupt) {
  const auto object = seal_index_segment(index_body_of(make_directories(random, {1, 2, 3})), id,
                                         repository, keys, random);
  for (std::size_t i = 0; i < object.size(); ++i) {
    auto changed = object;
    changed[i] ^= std::byte{0x10};
    EXPECT_THROW(static_cast<void>(open_index_segment(changed, id, repository, keys)), Error) << i;
    changed.resize(i);
    EXPECT_THROW(static_cast<void>(open_index_segment(changed, id, repository, keys)), Error) << i;
  }
}

TEST_F(IndexSegmentTest, CountsThatClaimTooMuchAllocateNothing) {
  for (const std::uint32_t claimed : {0xFFFFFFFFU, 0x10000000U}) {
    for (std::size_t field = 0; field < 5; ++field) {
      auto bytes = encode_index_body(index_body_of(make_directories(random, {1, 2, 3})));
      base::store_le(bytes.data() + 4 * field, claimed);
      EXPECT_THROW(static_cast<void>(decode_index_body(bytes)), Error) << field;
    }
  }
}

template <class Id>
Id filled(unsigned char value) {
  Id id;
  std::fill_n(id.mutable_view().begin(), 32, std::byte{value});
  return id;
}

/// Two packs; the second holds one chunk that stands in clear as its segment.
IndexSegmentBody golden_body() {
  IndexSegmentBody body;
  body.packs = {{filled<base::PackId>(0xA1), pipeline::PackKind::data, 1, 5000},
                {filled<base::PackId>(0xA2), pipeline::PackKind::tree, 2, 900}};
  body.segments = {{0, 1, 192, 1000, 4012}, {0, 0, 1192, 2000, 3008}, {1, 0, 192, 148, 108}};
  body.chunks = {{filled<base::ChunkId>(0xC1), 0, 0, 1500},
                 {filled<base::ChunkId>(0xC2), 0, 1500, 2500},
                 {filled<base::ChunkId>(0xC3), 1, 0, 3000},
                 {filled<base::ChunkId>(0xC4), 2, 0, 100}};
  return body;
}

// Made once and kept: what is in repositories must be read by every later program. Not compared
// with what is written, because another zstd may compress otherwise.
constexpr const char* golden_object =
    "4846494e4445580a01000000000000000000000052010000d70d3259e4e1cb631c663cf4d73c4c04022ab1ba"
    "804098e6cb293e6770eb3a95c373282c991f9387482245a59a6fa6685e618d78a63bb69e48c9f4b15ee74a1f"
    "50e2c213fecb3f911fc98d5b3b7b0a0dd770da984d218d4a40c5cdc11c0e354d4f0464186f6e1f44862f3961"
    "4e023ac4ae7657b85d4c47ddf35faa85ea210549302b5ba24de0c7d1d09c60b8a1ff1f75525bdf6a307b5209"
    "fa8cce9f9f81b875211076cb0071da175a20ae77760fac71d02ff2a2fd70983fe40f4a19053c7ee18490d367"
    "93e567c550328b28dc22ea2a58b429f664ef9aa8558d34711258cf4a923cfe417a5cda4cfe55451f1772cff4"
    "67dc0c3d449a21ef240b3a352e7dc3a261fb817af129bdf3a5e31e49e2bab385ecab9c781381027e1b24708c"
    "ad2006bd24668d1f64acf0630837a7da68840e70bd3b0a59fba3fbed9c1acef36864156fc8f4e19ad611e7c1"
    "deb7b78906997ec05eb4d9d4b97f724ed40bf2ada135e154e211cb35cf9d40fab9af6ff20b5a59bf6709";

TEST_F(IndexSegmentTest, Version1IsRead) {
  KeyBundle fixed;
  fixed.index_key = base::Secret(Bytes(32, std::byte{0x11}));
  const auto name = filled<base::IndexId>(0x22);
  const auto of = filled<base::RepositoryId>(0x33);
  expect_same(golden_body(), open_index_segment(base::from_hex(golden_object), name, of, fixed));
}

}  // namespace
}  // namespace holdfast::repository
