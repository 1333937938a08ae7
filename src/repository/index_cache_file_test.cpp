#include "index_cache_file.hpp"

#include "base/error.hpp"
#include "base/random.hpp"
#include "base/temporary_directory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace holdfast::repository {
namespace {

using base::ChunkId;

TEST(IndexFilter, HasNoFalseNegativesAndFewFalsePositives) {
  base::SeededRandom random(1);
  constexpr std::uint64_t count = 200'000;
  IndexFilter filter(IndexFilter::blocks_for(count));
  std::vector<ChunkId> ids(count);
  for (auto& id : ids) {
    id = random.id<ChunkId>();
    filter.insert(id);
  }
  for (const auto& id : ids)
    ASSERT_TRUE(filter.may_contain(id));
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < count; ++i)
    wrong += filter.may_contain(random.id<ChunkId>()) ? 1 : 0;
  EXPECT_LE(wrong, count / 150);
  EXPECT_LE(filter.bytes().size(), count * 12 / 8 + 32);
}

class IndexCacheFileTest : public ::testing::Test {
protected:
  base::TemporaryDirectory directory;
  base::SeededRandom random{2};
  const base::RepositoryId repository = random.id<base::RepositoryId>();
  const std::string path = directory.file("x.hfi");
  std::vector<IndexedChunk> chunks;
  std::vector<SegmentLocation> segments;
  std::vector<PackInfo> packs;

  void write(std::uint32_t chunk_count) {
    for (std::uint32_t i = 0; i < chunk_count; ++i) {
      chunks.push_back({random.id<ChunkId>(), i / 3, i, i + 1});
    }
    write_given();
  }
  void write_given() {
    std::sort(chunks.begin(), chunks.end(), [](auto& a, auto& b) { return a.id < b.id; });
    for (std::uint32_t i = 0; i < chunks.size() / 3 + 1; ++i) {
      segments.push_back({i / 2, i, std::uint64_t{i} << 33, i + 1, i + 2});
    }
    for (std::uint32_t i = 0; i < segments.size() / 2 + 1; ++i) {
      packs.push_back({random.id<base::PackId>(), pipeline::PackKind::tree, i, i * 3ULL});
    }
    IndexCacheWriter writer(path, repository, {chunks.size(), segments.size(), packs.size()},
                            {random.id<base::IndexId>(), random.id<base::IndexId>()});
    for (const auto& chunk : chunks)
      writer.add(chunk);
    for (const auto& segment : segments)
      writer.add(segment);
    for (const auto& pack : packs)
      writer.add(pack);
    writer.commit();
  }
  base::Bytes bytes() const { return base::read_file(path, 1U << 30); }
  void replace(const base::Bytes& with) const {
    base::write_all(base::open_file(path, O_WRONLY | O_TRUNC).get(), with, path);
  }
};

TEST_F(IndexCacheFileTest, FindsEveryChunkAndNoOther) {
  for (const std::uint32_t count : {0U, 1U, 91U, 92U, 93U, 5000U}) {
    chunks.clear();
    segments.clear();
    packs.clear();
    write(count);
    const auto file = IndexCacheFile::open(path, repository);
    IndexCacheFile::Searcher searcher(*file);
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      const auto hit = file->find(chunks[i].id);
      ASSERT_TRUE(hit);
      EXPECT_EQ(hit->number, i);
      EXPECT_EQ(hit->chunk.segment, chunks[i].segment);
      EXPECT_EQ(hit->chunk.offset, chunks[i].offset);
      EXPECT_EQ(hit->chunk.length, chunks[i].length);
      EXPECT_EQ(searcher.find(chunks[i].id)->number, i);
      EXPECT_EQ(searcher.segment(hit->chunk.segment), segments[hit->chunk.segment]);
      EXPECT_EQ(file->segment(hit->chunk.segment), segments[hit->chunk.segment]);
    }
    for (int i = 0; i < 5000; ++i)
      EXPECT_FALSE(file->find(random.id<ChunkId>()));
    for (std::size_t i = 0; i < packs.size(); ++i)
      EXPECT_EQ(file->pack(i).id, packs[i].id);
    std::size_t visited = 0;
    for (IndexCacheFile::Cursor cursor(*file); !cursor.done(); cursor.next()) {
      EXPECT_EQ(cursor.chunk().id, chunks[visited++].id);
    }
    EXPECT_EQ(visited, chunks.size());
  }
}

TEST_F(IndexCacheFileTest, IdsWithACommonPrefixAreFoundAcrossPages) {
  for (std::uint32_t i = 0; i < 400; ++i) {
    auto id = random.id<ChunkId>();
    std::fill_n(id.mutable_view().begin(), 8, std::byte{0x55});
    chunks.push_back({id, 0, i, 1});
  }
  write_given();
  const auto file = IndexCacheFile::open(path, repository);
  for (const auto& chunk : chunks)
    EXPECT_TRUE(file->find(chunk.id));
}

TEST_F(IndexCacheFileTest, AnyFlippedByteOrMissingEndIsNoticed) {
  write(300);
  const auto whole = bytes();
  for (std::size_t at = 0; at < whole.size(); at += 1 + random.below(60)) {
    auto changed = whole;
    changed[at] ^= std::byte{4};
    replace(changed);
    EXPECT_THROW(IndexCacheFile::open(path, repository)->verify_all(), base::Error) << at;
    changed = whole;
    changed.resize(at);
    replace(changed);
    EXPECT_THROW(static_cast<void>(IndexCacheFile::open(path, repository)), base::Error) << at;
  }
}

TEST_F(IndexCacheFileTest, AFileOfAnotherRepositoryIsRefused) {
  write(10);
  EXPECT_THROW(static_cast<void>(IndexCacheFile::open(path, random.id<base::RepositoryId>())),
               base::Error);
}

TEST_F(IndexCacheFileTest, KeepsLessThanTwoBytesAChunk) {
  write(200'000);
  EXPECT_LE(IndexCacheFile::open(path, repository)->resident_bytes(), 200'000 * 2U);
}

}  // namespace
}  // namespace holdfast::repository
