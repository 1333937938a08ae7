#include "repository/paged_map.hpp"

#include "base/error.hpp"
#include "chunk_io_testing.hpp"
#include "records_testing.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace holdfast::repository {

namespace {

using base::ErrorKind;

RC_GTEST_PROP(MapPage, ComesBackAsItWas, ()) {
  const auto blocks = *any_blocks();
  RC_ASSERT(decode_map_page(encode_map_page(blocks)) == blocks);
}

TEST(MapPage, BlocksInTheirOrderTakeLittleMoreThanTheirHashes) {
  std::vector<BlockReference> blocks(512);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    blocks[i] = {numbered_id<base::ChunkId>(i / 32), static_cast<std::uint16_t>(i % 32), false, i};
  }
  EXPECT_LE(encode_map_page(blocks).size(), 512U * 8 + 16 * 32 + 2 * 512 + 40);
}

TEST(MapPage, DamageIsReported) {
  std::vector<BlockReference> blocks(40);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    blocks[i] = {numbered_id<base::ChunkId>(i % 3), static_cast<std::uint16_t>(i * 7), i % 5 == 0,
                 i};
    if (blocks[i].zero) blocks[i] = {{}, 0, true, i};
  }
  attack(encode_map_page(blocks), [](base::ByteView bytes) { decode_map_page(bytes); });
}

class Map : public testing::TestWithParam<std::size_t> {
protected:
  std::vector<base::ChunkId> make_leaves(std::size_t count) {
    std::vector<base::ChunkId> leaves;
    for (std::size_t i = 0; i < count; ++i)
      leaves.push_back(numbered_id<base::ChunkId>(i + 1));
    return leaves;
  }
  MemoryChunks chunks_;
};

TEST_P(Map, ComesBackAsItWas) {
  const auto leaves = make_leaves(GetParam());
  const auto root = write_map(leaves, chunks_);
  const auto blocks = leaves.size() * blocks_per_map_page;
  EXPECT_EQ(read_map(root, blocks, chunks_), leaves);
  if (leaves.empty()) return;
  EXPECT_EQ(read_map(root, blocks - 511, chunks_), leaves) << "a last leaf with one block";
}

INSTANTIATE_TEST_SUITE_P(Sizes, Map, testing::Values(0, 1, 2, 511, 512, 513, 1024, 300'000));

TEST_F(Map, OfAnotherSizeIsCorrupt) {
  const auto root = write_map(make_leaves(600), chunks_);
  const auto reading = [&](std::uint64_t blocks) {
    return kind_of_failure([&] { read_map(root, blocks, chunks_); });
  };
  EXPECT_EQ(reading(599 * 512), ErrorKind::corrupt);
  EXPECT_EQ(reading(600 * 512 + 1), ErrorKind::corrupt);
  EXPECT_EQ(reading(0), ErrorKind::corrupt);
  EXPECT_EQ(reading(std::uint64_t{1} << 60), ErrorKind::corrupt);
}

TEST_F(Map, NamesEveryPageAndSuperblock) {
  std::vector<base::ChunkId> leaves;
  for (std::size_t i = 0; i < 600; ++i) {
    leaves.push_back(chunks_.store(encode_map_page(
        std::vector<BlockReference>(512, {numbered_id<base::ChunkId>(i), 0, false, i}))));
  }
  const auto root = write_map(leaves, chunks_);
  std::set<base::ChunkId> pages;
  std::size_t superblocks = 0;
  for_each_map_page(
      root, 600 * 512, chunks_, [&](const base::ChunkId& id) { pages.insert(id); },
      [&](const base::ChunkId&) { ++superblocks; });
  EXPECT_EQ(pages.size(), chunks_.pages.size());
  EXPECT_EQ(superblocks, 600U);
  const auto short_map = [&] {
    for_each_map_page(root, 600 * 512 - 1, chunks_, [](const auto&) {}, [](const auto&) {});
  };
  EXPECT_EQ(kind_of_failure(short_map), ErrorKind::corrupt);
}

}  // namespace

}  // namespace holdfast::repository
