#include "file_cache.hpp"

#include "base/durable_file.hpp"
#include "base/random.hpp"
#include "base/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace holdfast::backup {
namespace {

class FileCacheTest : public ::testing::Test {
protected:
  base::TemporaryDirectory directory_;
  base::SeededRandom random_{7};

  /// A cache with one directory of two entries under the root "/srv", committed for a new snapshot.
  base::SnapshotId write_one(const base::ChunkId& tree) {
    FileCache cache(directory_.path(), "site");
    const std::vector<CacheEntry> entries = {{11, name_key("a"), 0, base::as_bytes("node a")},
                                             {12, name_key("b"), 99, base::as_bytes("node bb")}};
    const auto record = cache.add_directory(tree, entries);
    cache.set_root("/srv", {5, record, base::copy_of(base::as_bytes("root")), "token"});
    const auto snapshot = random_.id<base::SnapshotId>();
    cache.commit(snapshot);
    return snapshot;
  }

  std::string file_with(const std::string& suffix) {
    std::string found;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
      if (entry.path().string().ends_with(suffix)) found = entry.path();
    return found;
  }
};

TEST_F(FileCacheTest, WhatWasCommittedIsFoundByTheNextRun) {
  const auto tree = random_.id<base::ChunkId>();
  const auto snapshot = write_one(tree);
  const FileCache cache(directory_.path(), "site");
  EXPECT_EQ(cache.snapshot(), snapshot);
  const auto* root = cache.find_root("/srv");
  ASSERT_NE(root, nullptr);
  EXPECT_EQ(root->token, "token");
  const auto found = cache.directory(root->child);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->tree(), tree);
  ASSERT_EQ(found->count(), 2U);
  EXPECT_EQ(found->fingerprint(1), 12U);
  EXPECT_EQ(found->child(1), 99U);
  EXPECT_EQ(base::as_text(found->node(0)), "node a");
  EXPECT_EQ(base::as_text(found->node(1)), "node bb");
}

TEST_F(FileCacheTest, AnotherSiteSeesNothing) {
  write_one(random_.id<base::ChunkId>());
  const FileCache cache(directory_.path(), "other");
  EXPECT_FALSE(cache.snapshot());
  EXPECT_EQ(cache.find_root("/srv"), nullptr);
}

TEST_F(FileCacheTest, ARunThatDidNotCommitLeavesTheLastOneInForce) {
  const auto snapshot = write_one(random_.id<base::ChunkId>());
  {
    FileCache cache(directory_.path(), "site");
    const std::vector<CacheEntry> entries(1000, {1, 2, 3, base::as_bytes("lost")});
    for (int i = 0; i < 100; ++i)
      cache.add_directory(random_.id<base::ChunkId>(), entries);
  }
  const FileCache cache(directory_.path(), "site");
  EXPECT_EQ(cache.snapshot(), snapshot);
  EXPECT_TRUE(cache.directory(cache.find_root("/srv")->child));
}

TEST_F(FileCacheTest, TheSecondProcessGetsNoCache) {
  write_one(random_.id<base::ChunkId>());
  const FileCache first(directory_.path(), "site");
  FileCache second(directory_.path(), "site");
  EXPECT_FALSE(first.in_use_elsewhere());
  EXPECT_TRUE(second.in_use_elsewhere());
  EXPECT_FALSE(second.snapshot());
  second.commit(random_.id<base::SnapshotId>());
}

TEST_F(FileCacheTest, EveryDamagedByteMeansNoCacheAndNeverAWrongRecord) {
  const auto tree = random_.id<base::ChunkId>();
  for (const std::string suffix : {".roots", ".nodes"}) {
    write_one(tree);
    const auto path = file_with(suffix);
    const auto good = base::read_file(path, 1 << 20);
    for (std::size_t i = 0; i < good.size(); ++i) {
      auto bad = good;
      bad[i] ^= std::byte{0x40};
      base::write_cache(path, bad, 0600);
      const FileCache cache(directory_.path(), "site");
      const auto* root = cache.find_root("/srv");
      if (root == nullptr) continue;
      if (const auto found = cache.directory(root->child)) {
        EXPECT_EQ(found->tree(), tree) << suffix << " byte " << i;
        EXPECT_EQ(base::as_text(found->node(1)), "node bb") << suffix << " byte " << i;
      }
    }
    base::write_cache(path, good, 0600);
  }
}

TEST_F(FileCacheTest, OffsetsOutOfRangeFindNothing) {
  write_one(random_.id<base::ChunkId>());
  const FileCache cache(directory_.path(), "site");
  for (const std::uint64_t offset : {0ULL, 1ULL, 7ULL, 100'000ULL, ~0ULL, ~0ULL - 20})
    EXPECT_FALSE(cache.directory(offset)) << offset;
}

}  // namespace
}  // namespace holdfast::backup
