#include "repository/index.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/task_group.hpp"
#include "base/temporary_directory.hpp"
#include "index_segment.hpp"
#include "index_testing.hpp"
#include "storage/memory/memory_backend.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>

namespace holdfast::repository {
namespace {

using base::ChunkId;
using Packs = std::vector<pipeline::PackDirectory>;

class IndexTest : public ::testing::Test {
protected:
  base::TemporaryDirectory cache;
  base::SeededRandom random{3};
  KeyBundle keys = make_owner_bundle(random);
  base::RepositoryId repository = random.id<base::RepositoryId>();
  std::unique_ptr<storage::Backend> store = storage::open_memory();
  std::vector<Packs> written;
  std::vector<base::IndexId> ids;

  void write_segment(const MadePacks& shape = {}) {
    written.push_back(make_directories(random, shape));
    ids.push_back(store_index_segment(*store, repository, keys, written.back(), random));
  }
  std::unique_ptr<Index> open() {
    auto index = std::make_unique<Index>(*store, repository, keys, cache.path());
    index->refresh();
    return index;
  }
  static void expect_finds(const Index& index, const Packs& packs) {
    std::vector<ChunkId> wanted;
    for (const auto& pack : packs) {
      for (const auto& segment : pack.segments) {
        for (const auto& chunk : segment.chunks) {
          const auto found = index.find(chunk.id);
          ASSERT_TRUE(found);
          EXPECT_EQ(index.pack(found->segment.pack).id, pack.pack);
          EXPECT_EQ(index.pack(found->segment.pack).size, pack.size);
          EXPECT_EQ(found->segment.position, segment.position);
          EXPECT_EQ(found->segment.offset, segment.offset);
          EXPECT_EQ(found->segment.stored_size, segment.stored_size);
          EXPECT_EQ(found->segment.encoded_size, segment.encoded_size);
          EXPECT_EQ(found->offset, chunk.offset);
          EXPECT_EQ(found->length, chunk.length);
          wanted.push_back(chunk.id);
        }
      }
    }
    const auto all = index.find_all(wanted);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_TRUE(all[i]);
      const auto one = index.find(wanted[i]);
      EXPECT_EQ(all[i]->segment, one->segment);
      EXPECT_EQ(all[i]->offset, one->offset);
    }
  }
  void expect_finds_all(const Index& index) const {
    for (const auto& packs : written)
      expect_finds(index, packs);
  }
  std::vector<std::string> cache_files() const {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(cache.file("index").c_str()),
                                                     ::closedir);
    while (const auto* entry = ::readdir(folder.get())) {
      if (entry->d_name[0] != '.') names.push_back(cache.file("index/") + entry->d_name);
    }
    return names;
  }
  /// Changes one byte in place, as a bad disk does, so that open files see it.
  static void damage(const std::string& path, std::uint64_t at) {
    const auto file = base::open_file(path, O_RDWR);
    std::array<std::byte, 1> byte;
    ASSERT_EQ(base::read_at(file.get(), at, byte, path), 1U);
    byte[0] ^= std::byte{1};
    base::write_at(file.get(), at, byte, path);
  }
};

TEST_F(IndexTest, AnEmptyRepositoryKnowsNothing) {
  const auto index = open();
  EXPECT_FALSE(index->find(random.id<ChunkId>()));
  EXPECT_EQ(index->chunk_count(), 0U);
  EXPECT_EQ(index->pack_count(), 0U);
}

TEST_F(IndexTest, FindsWhatSeveralSegmentsHold) {
  for (int i = 0; i < 3; ++i)
    write_segment();
  const auto index = open();
  expect_finds_all(*index);
  EXPECT_EQ(index->chunk_count(), 3000U);
  EXPECT_EQ(index->pack_count(), 6U);
  EXPECT_EQ(index->packs().size(), 6U);
  for (int i = 0; i < 1000; ++i)
    EXPECT_FALSE(index->contains(random.id<ChunkId>()));
  const std::vector<ChunkId> unknown(3, random.id<ChunkId>());
  EXPECT_THAT(index->find_all(unknown), ::testing::Each(std::nullopt));
}

TEST_F(IndexTest, NumbersAreDistinctAndBelowTheCount) {
  for (int i = 0; i < 3; ++i)
    write_segment();
  const auto index = open();
  std::vector<bool> seen(index->chunk_count());
  index->for_each([&](const ChunkId& id, const ChunkLocation& location) {
    const auto number = index->number_of(id);
    ASSERT_TRUE(number);
    ASSERT_LT(*number, seen.size());
    EXPECT_FALSE(seen[*number]);
    seen[*number] = true;
    EXPECT_EQ(index->find(id)->segment, location.segment);
  });
  std::vector<std::pair<std::uint32_t, std::uint32_t>> whole;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> in_packs;
  index->for_each([&](const ChunkId&, const ChunkLocation& location) {
    whole.emplace_back(location.segment.pack, location.length);
  });
  index->for_each_in_pack([&](const ChunkId&, std::uint32_t pack, std::uint32_t length) {
    in_packs.emplace_back(pack, length);
  });
  EXPECT_EQ(in_packs, whole);
  EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](bool bit) { return bit; }));
}

TEST_F(IndexTest, ASecondOpeningReadsNoIndexSegments) {
  for (int i = 0; i < 3; ++i)
    write_segment();
  static_cast<void>(open());
  storage::Traffic traffic;
  const auto counted = storage::with_counting(*store, traffic);
  Index again(*counted, repository, keys, cache.path());
  again.refresh();
  expect_finds_all(again);
  EXPECT_EQ(traffic.bytes_read, 0U);
}

TEST_F(IndexTest, SmallCacheFilesAreMerged) {
  std::unique_ptr<Index> index = open();
  for (int i = 0; i < 30; ++i) {
    write_segment({1, 2, 1 + random.below(30)});
    index->refresh();
    expect_finds(*index, written.back());
  }
  EXPECT_LE(cache_files().size(), 8U);
  expect_finds_all(*index);
  expect_finds_all(*open());
}

TEST_F(IndexTest, SegmentsThatWentAreForgotten) {
  for (int i = 0; i < 12; ++i)
    write_segment({1, 2, 5});
  const auto index = open();
  store->remove(index_object_name(ids[4]));
  index->refresh();
  EXPECT_FALSE(index->contains(written[4][0].segments[0].chunks[0].id));
  written.erase(written.begin() + 4);
  expect_finds_all(*index);
  EXPECT_EQ(index->chunk_count(), 110U);
}

TEST_F(IndexTest, AddedSegmentsAreFoundAndStay) {
  const auto index = open();
  for (int i = 0; i < 40; ++i) {
    write_segment({1, 2, 10});
    index->add(ids.back(), written.back());
    expect_finds(*index, written.back());
  }
  expect_finds_all(*index);
  EXPECT_EQ(index->chunk_count(), 800U);
  index->refresh();
  EXPECT_EQ(index->chunk_count(), 800U);
  expect_finds_all(*index);
}

TEST_F(IndexTest, PackNumbersStayValidWhileSegmentsAreAdded) {
  write_segment();
  const auto index = open();
  const auto& first = written[0][0];
  const auto location = index->find(first.segments[0].chunks[0].id);
  for (int i = 0; i < 40; ++i) {
    write_segment({1, 1, 2});
    index->add(ids.back(), written.back());
  }
  EXPECT_EQ(index->pack(location->segment.pack).id, first.pack);
}

TEST_F(IndexTest, AChunkThatIsStoredTwiceIsFoundOnce) {
  write_segment();
  ids.push_back(store_index_segment(*store, repository, keys, written[0], random));
  const auto index = open();
  expect_finds_all(*index);
  EXPECT_EQ(index->packs().size(), 2U);
}

TEST_F(IndexTest, ADamagedCacheFileIsMadeAnewAtOpening) {
  for (int i = 0; i < 3; ++i)
    write_segment();
  static_cast<void>(open());
  for (const auto& path : cache_files())
    base::write_durably(path, base::as_bytes("junk"), 0600);
  expect_finds_all(*open());
}

TEST_F(IndexTest, ADamagedPageIsMadeAnewBeforeAMerge) {
  for (int i = 0; i < 8; ++i)
    write_segment({1, 2, 10});
  const auto index = open();
  for (const auto& path : cache_files())
    damage(path, 5000);
  write_segment();
  index->add(ids.back(), written.back());
  index->refresh();
  expect_finds_all(*index);
  expect_finds_all(*open());
}

TEST_F(IndexTest, ADamagedPageIsMadeAnewWhileSearching) {
  write_segment({4, 20, 50});
  const auto size = base::read_file((open(), cache_files().at(0)), 1U << 30).size();
  for (int i = 0; i < 10; ++i) {
    const auto index = open();
    damage(cache_files().at(0), 4096 + random.below(size - 4096));
    expect_finds_all(*index);
    expect_finds_all(*open());
  }
}

TEST_F(IndexTest, ADamagedSegmentInTheStoreHidesOnlyItsOwnChunks) {
  for (int i = 0; i < 3; ++i)
    write_segment();
  const auto name = index_object_name(ids[1]);
  auto object = storage::get(*store, name, 1U << 30);
  object[object.size() / 2] ^= std::byte{1};
  store->remove(name);
  ASSERT_EQ(storage::put(*store, name, object), storage::PutOutcome::stored);
  const auto index = open();
  ASSERT_EQ(index->damaged().size(), 1U);
  EXPECT_EQ(index->damaged()[0].id, ids[1]);
  written.erase(written.begin() + 1);
  expect_finds_all(*index);
}

TEST_F(IndexTest, TwoProcessesShareTheCache) {
  for (int i = 0; i < 9; ++i)
    write_segment({1, 2, 10});
  const auto one = open();
  const auto other = open();
  for (int round = 0; round < 12; ++round) {
    write_segment({1, 2, 10});
    one->refresh();
    write_segment({1, 2, 10});
    other->refresh();
    expect_finds_all(*other);
  }
  one->refresh();
  expect_finds_all(*one);
  expect_finds_all(*open());
}

TEST_F(IndexTest, ManyThreadsSearchWhileSegmentsAreAdded) {
  write_segment({2, 10, 20});
  const auto index = open();
  std::atomic<bool> done = false;
  base::TaskGroup searchers;
  for (int i = 0; i < 3; ++i) {
    searchers.spawn([&](const std::stop_token&) {
      while (!done)
        expect_finds(*index, written[0]);
    });
  }
  std::vector<Packs> added;
  for (int i = 0; i < 40; ++i) {
    added.push_back(make_directories(random, {1, 2, 10}));
    index->add(store_index_segment(*store, repository, keys, added.back(), random), added.back());
  }
  done = true;
  searchers.join();
  for (const auto& packs : added)
    expect_finds(*index, packs);
}

}  // namespace
}  // namespace holdfast::repository
