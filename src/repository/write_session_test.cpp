#include "repository/write_session.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "far_store_testing.hpp"
#include "index_segment.hpp"
#include "repository/chunk_reader.hpp"
#include "repository/repository_testing.hpp"
#include "repository/segment_reader.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <map>

namespace holdfast::repository {
namespace {

using base::Bytes;
using base::ChunkId;
using base::Error;
using base::ErrorKind;
using pipeline::PackKind;
using storage::Operation;

class WriteSessionTest : public ::testing::Test, protected TestRepository {
protected:
  /// Stores `count` chunks of about `size` bytes, gathered in segments of 64 KiB.
  std::map<ChunkId, Bytes> store_chunks(WriteSession& session, std::size_t count, std::size_t size,
                                        PackKind kind = PackKind::data) {
    std::map<ChunkId, Bytes> stored;
    pipeline::SegmentBuilder segment(64 * 1024);
    pipeline::SegmentCodec codec(1);
    for (std::size_t i = 0; i < count; ++i) {
      auto bytes = random_bytes(size / 2 + random.below(size));
      const auto id = repository->keys().chunk_id(bytes);
      if (!session.claim(id)) continue;
      if (segment.should_seal_before(bytes.size())) session.store(kind, segment, codec);
      segment.add(id, bytes);
      stored[id] = std::move(bytes);
    }
    if (!segment.empty()) session.store(kind, segment, codec);
    return stored;
  }
  static void expect_reads(Repository& from, const std::map<ChunkId, Bytes>& wanted) {
    for (const auto& [id, bytes] : wanted)
      EXPECT_EQ(from.chunks().load(id), bytes);
  }
  std::optional<ErrorKind> kind_thrown(const std::function<void()>& act) {
    try {
      act();
    } catch (const Error& error) {
      return error.kind();
    }
    return std::nullopt;
  }
};

TEST_F(WriteSessionTest, WhatIsStoredIsReadBack) {
  WriteSession session(*repository, small_packs());
  auto stored = store_chunks(session, 200, 8000);
  stored.merge(store_chunks(session, 50, 3000, PackKind::tree));
  stored.merge(store_chunks(session, 50, 3000, PackKind::stream));
  session.finish();
  EXPECT_EQ(stored.size(), 300U);
  expect_reads(*repository, stored);
  expect_reads(*reopen(), stored);
  const auto statistics = session.statistics();
  EXPECT_EQ(statistics.chunks_new, 300U);
  EXPECT_EQ(statistics.packs, names("packs/").size());
  std::uint64_t total = 0;
  for (const auto* prefix : {"packs/", "index/"}) {
    memory->list(prefix, [&](const auto& object) { total += object.size; });
  }
  EXPECT_EQ(statistics.bytes_stored, total);
}

TEST(FarWriteSessionTest, NobodyWaitsForAPackThatWaitsForTheLine) {
  FarStore line;
  TestRepository far(line.open());
  WriteSession session(*far.repository, {});
  std::promise<void> first_waits;
  std::promise<void> second_comes;
  std::atomic<int> transfers = 0;
  line.on_transfer = [&] {
    const auto number = ++transfers;
    if (number == 1) {
      first_waits.set_value();
      second_comes.get_future().wait();
    }
    if (number == 2) second_comes.set_value();
  };
  line.watches = true;
  const auto store = [&](const Bytes& bytes) {
    pipeline::SegmentBuilder segment(64 * 1024);
    pipeline::SegmentCodec codec(1);
    const auto id = far.repository->keys().chunk_id(bytes);
    ASSERT_TRUE(session.claim(id));
    segment.add(id, bytes);
    session.store(PackKind::data, segment, codec);
  };
  const auto first = far.random_bytes(1000);
  const auto second = far.random_bytes(1000);
  base::TaskGroup threads;
  threads.spawn([&](const std::stop_token&) { store(first); });
  first_waits.get_future().wait();
  threads.spawn([&](const std::stop_token&) { store(second); });
  threads.join();
  session.finish();
  EXPECT_EQ(far.names("packs/").size(), 2U);
}

TEST_F(WriteSessionTest, KindsNeverShareAPack) {
  WriteSession session(*repository, small_packs());
  const auto data = store_chunks(session, 20, 3000, PackKind::data);
  const auto trees = store_chunks(session, 20, 3000, PackKind::tree);
  session.finish();
  const auto kind_of = [&](const ChunkId& id) {
    return repository->index().pack(repository->index().find(id)->segment.pack).kind;
  };
  for (const auto& [id, bytes] : data)
    EXPECT_EQ(kind_of(id), PackKind::data);
  for (const auto& [id, bytes] : trees)
    EXPECT_EQ(kind_of(id), PackKind::tree);
}

TEST_F(WriteSessionTest, ASessionThatStoredNothingWritesNothing) {
  WriteSession session(*repository, {});
  session.finish();
  EXPECT_TRUE(names("packs/").empty());
  EXPECT_TRUE(names("index/").empty());
}

TEST_F(WriteSessionTest, AChunkIsClaimedOnceInARunAndNeverAgain) {
  const auto bytes = random_bytes(100);
  const auto id = repository->keys().chunk_id(bytes);
  {
    WriteSession session(*repository, {});
    MetadataWriter writer(session, repository->keys(), 3);
    EXPECT_EQ(writer.store(bytes), id);
    EXPECT_FALSE(session.claim(id));
    EXPECT_EQ(writer.store(bytes), id);
    writer.flush();
    session.finish();
    EXPECT_EQ(session.statistics().chunks_new, 1U);
    EXPECT_FALSE(session.claim(id));
  }
  const auto again = reopen();
  WriteSession session(*again, {});
  EXPECT_FALSE(session.claim(id));
  EXPECT_TRUE(session.contains(id));
}

TEST_F(WriteSessionTest, SmallRunsGoToOnePackAndLargeOnesAreSpread) {
  WriteSession session(*repository, small_packs());
  store_chunks(session, 10, 8000);
  session.finish();
  EXPECT_EQ(names("packs/").size(), 1U);

  WriteSession large(*repository, small_packs());
  const auto stored = store_chunks(large, 300, 8000);
  large.finish();
  const auto packs = names("packs/").size();
  EXPECT_GE(packs, 8U);
  EXPECT_LE(packs, 1 + 2'400'000 / 300'000 + 3U);
  expect_reads(*reopen(), stored);
}

TEST_F(WriteSessionTest, TheLastPackHidesItsSize) {
  const auto size_with = [&](std::size_t bytes) {
    const auto before = names("packs/");
    WriteSession session(*repository, {});
    store_chunks(session, 1, bytes);
    session.finish();
    for (const auto& name : names("packs/")) {
      if (std::find(before.begin(), before.end(), name) == before.end()) {
        return memory->stat(name)->size;
      }
    }
    return std::uint64_t{0};
  };
  std::vector<std::uint64_t> sizes;
  for (int i = 0; i < 10; ++i)
    sizes.push_back(size_with(40'000));
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  EXPECT_LE(sizes.size(), 9U);
}

TEST_F(WriteSessionTest, ALongRunWritesItsIndexInParts) {
  auto options = small_packs();
  options.pending_chunks_max = 100;
  WriteSession session(*repository, options);
  const auto stored = store_chunks(session, 1000, 500);
  EXPECT_GE(names("index/").size(), 5U);
  for (const auto& [id, bytes] : stored)
    EXPECT_FALSE(session.claim(id));
  session.finish();
  expect_reads(*repository, stored);
  expect_reads(*reopen(), stored);
}

TEST_F(WriteSessionTest, ManyThreadsStoreEachChunkOnce) {
  auto options = small_packs();
  options.pending_chunks_max = 300;
  std::atomic<std::size_t> told = 0;
  options.on_pack_stored = [&](const base::PackId&) { ++told; };
  WriteSession session(*repository, options);
  std::vector<Bytes> chunks;
  for (int i = 0; i < 1500; ++i)
    chunks.push_back(random_bytes(1 + random.below(3000)));
  base::TaskGroup threads;
  for (std::size_t thread = 0; thread < 4; ++thread) {
    threads.spawn([&, thread](const std::stop_token&) {
      MetadataWriter trees(session, repository->keys(), 1);
      pipeline::SegmentBuilder segment(32 * 1024);
      pipeline::SegmentCodec codec(1);
      for (std::size_t i = 0; i < chunks.size(); ++i) {
        const auto& bytes = chunks[(i + thread * 100) % chunks.size()];
        const auto id = repository->keys().chunk_id(bytes);
        if (i % 10 == 0) {
          trees.store(bytes);
        } else if (session.claim(id)) {
          if (segment.should_seal_before(bytes.size())) {
            session.store(PackKind::data, segment, codec);
          }
          segment.add(id, bytes);
        }
      }
      if (!segment.empty()) session.store(PackKind::data, segment, codec);
      trees.flush();
    });
  }
  threads.join();
  session.finish();
  EXPECT_EQ(told, names("packs/").size());
  // A claim that races with the writing of an index part may store a chunk twice, no more.
  EXPECT_LE(session.statistics().chunks_new, chunks.size() + 10);
  const auto again = reopen();
  for (const auto& bytes : chunks)
    EXPECT_EQ(again->chunks().load(again->keys().chunk_id(bytes)), bytes);
}

TEST_F(WriteSessionTest, WithoutFinishNothingIsFound) {
  std::map<ChunkId, Bytes> stored;
  {
    WriteSession session(*repository, small_packs());
    stored = store_chunks(session, 100, 8000);
  }
  EXPECT_TRUE(names("index/").empty());
  const auto again = reopen();
  for (const auto& [id, bytes] : stored)
    EXPECT_FALSE(again->index().contains(id));
}

TEST_F(WriteSessionTest, PacksOfAnInterruptedRunAreAdopted) {
  std::vector<base::PackId> packs;
  std::map<ChunkId, Bytes> stored;
  {
    auto options = small_packs();
    options.on_pack_stored = [&](const base::PackId& id) { packs.push_back(id); };
    WriteSession session(*repository, options);
    stored = store_chunks(session, 200, 8000);
  }
  ASSERT_GE(packs.size(), 2U);
  const auto gone = packs.back();
  memory->remove(pack_object_name(gone));
  auto damaged = storage::get(*memory, pack_object_name(packs[0]), 1U << 30);
  damaged[damaged.size() - 20] ^= std::byte{1};
  memory->remove(pack_object_name(packs[0]));
  ASSERT_EQ(storage::put(*memory, pack_object_name(packs[0]), damaged),
            storage::PutOutcome::stored);

  const auto again = reopen();
  WriteSession session(*again, {});
  EXPECT_EQ(session.adopt(packs), packs.size() - 2);
  session.finish();
  EXPECT_EQ(again->index().pack_count(), packs.size() - 2);
  for (const auto& [id, bytes] : stored) {
    if (again->index().contains(id)) {
      EXPECT_EQ(again->chunks().load(id), bytes);
    }
  }
  WriteSession third(*again, {});
  EXPECT_EQ(third.adopt(packs), 0U);
}

TEST_F(WriteSessionTest, AfterAFailureNothingIsIndexed) {
  for (const auto failing :
       {Operation::create, Operation::append, Operation::commit, Operation::stat}) {
    WriteSession session(*repository, small_packs());
    std::size_t seen = 0;
    plan = [&](Operation operation, const std::string& name,
               std::uint64_t) -> std::optional<storage::Fault> {
      if (operation != failing || !name.starts_with("packs/") || ++seen < 2) return std::nullopt;
      return storage::Fault{storage::Fault::When::before, ErrorKind::no_space};
    };
    EXPECT_EQ(kind_thrown([&] {
                store_chunks(session, 400, 8000);
                session.finish();
              }),
              ErrorKind::no_space);
    plan = {};
    EXPECT_TRUE(session.failed());
    EXPECT_EQ(kind_thrown([&] { session.claim(random.id<ChunkId>()); }), ErrorKind::no_space);
    EXPECT_EQ(kind_thrown([&] { store_chunks(session, 1, 10); }), ErrorKind::no_space);
    EXPECT_EQ(kind_thrown([&] { session.finish(); }), ErrorKind::no_space);
    EXPECT_TRUE(names("index/").empty());
  }
}

TEST_F(WriteSessionTest, APackThatIsGoneAMomentLaterIsNoticed) {
  WriteSession session(*repository, {});
  store_chunks(session, 1, 8000);
  plan = [&](Operation operation, const std::string& name,
             std::uint64_t) -> std::optional<storage::Fault> {
    if (operation == Operation::stat && name.starts_with("packs/")) memory->remove(name);
    return std::nullopt;
  };
  EXPECT_EQ(kind_thrown([&] { session.finish(); }), ErrorKind::conflict);
  EXPECT_TRUE(names("index/").empty());
}

class SegmentReaderTest : public WriteSessionTest {
protected:
  SegmentReaderTest() {
    WriteSession session(*repository, small_packs());
    stored = store_chunks(session, 200, 8000);
    session.finish();
    for (const auto& [id, bytes] : stored) {
      locations.push_back(repository->index().find(id)->segment);
    }
    std::sort(locations.begin(), locations.end());
    locations.erase(std::unique(locations.begin(), locations.end()), locations.end());
  }

  std::map<ChunkId, Bytes> stored;
  std::vector<SegmentLocation> locations;
};

TEST_F(SegmentReaderTest, ManyAreReadAsOneByOne) {
  SegmentReader reader(*repository);
  std::vector<Bytes> one_by_one;
  for (const auto& location : locations)
    one_by_one.push_back(base::copy_of(reader.read(location)));
  std::size_t visited = 0;
  SegmentReader many(*repository);
  many.read_many(locations, [&](std::size_t which, base::ByteView bytes) {
    EXPECT_EQ(which, visited++);
    EXPECT_EQ(base::copy_of(bytes), one_by_one[which]);
  });
  EXPECT_EQ(visited, locations.size());
  std::reverse(locations.begin(), locations.end());
  many.read_many(locations, [&](std::size_t which, base::ByteView bytes) {
    EXPECT_EQ(base::copy_of(bytes), one_by_one[locations.size() - 1 - which]);
  });
}

TEST_F(SegmentReaderTest, NeighboursAreReadTogether) {
  storage::Traffic traffic;
  const auto counted = storage::with_counting(*memory, traffic);
  const auto again = Repository::open(*counted, passphrase, environment());
  SegmentReader reader(*again);
  std::vector<SegmentLocation> places;
  for (const auto& [id, bytes] : stored)
    places.push_back(again->index().find(id)->segment);
  std::sort(places.begin(), places.end());
  const auto before = traffic.calls.load();
  reader.read_many(places, [](std::size_t, base::ByteView) {});
  // A header and a run for each pack.
  EXPECT_LE(traffic.calls - before, 2 * again->index().pack_count());
}

TEST_F(SegmentReaderTest, DamageNamesThePackAndThePosition) {
  const auto location = locations[3];
  const auto name = pack_object_name(repository->index().pack(location.pack).id);
  auto pack = storage::get(*memory, name, 1U << 30);
  pack[location.offset + 100] ^= std::byte{1};
  memory->remove(name);
  ASSERT_EQ(storage::put(*memory, name, pack), storage::PutOutcome::stored);
  SegmentReader reader(*repository);
  try {
    static_cast<void>(reader.read(location));
    ADD_FAILURE() << "damage was not noticed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    EXPECT_THAT(error.what(), ::testing::HasSubstr(name));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("segment " + std::to_string(location.position)));
  }
  memory->remove(name);
  EXPECT_EQ(kind_thrown([&] { reader.read(location); }), ErrorKind::not_found);
}

TEST_F(SegmentReaderTest, AChunkWithOtherBytesIsCorrupt) {
  const auto& [id, bytes] = *stored.begin();
  EXPECT_NO_THROW(verify_chunk(repository->keys(), id, bytes));
  EXPECT_EQ(kind_thrown([&] { verify_chunk(repository->keys(), id, random_bytes(9)); }),
            ErrorKind::corrupt);
  EXPECT_EQ(kind_thrown([&] { repository->chunks().load(random.id<ChunkId>()); }),
            ErrorKind::not_found);
}

TEST_F(SegmentReaderTest, ManyThreadsReadAtOnce) {
  base::TaskGroup threads;
  for (int i = 0; i < 4; ++i) {
    threads.spawn([&](const std::stop_token&) {
      ChunkReader chunks(*repository);
      for (const auto& [id, bytes] : stored)
        EXPECT_EQ(chunks.load(id), bytes);
      for (const auto& [id, bytes] : stored)
        EXPECT_EQ(repository->chunks().load(id), bytes);
    });
  }
  threads.join();
}

}  // namespace
}  // namespace holdfast::repository
