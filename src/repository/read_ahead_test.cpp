#include "repository/read_ahead.hpp"

#include "base/error.hpp"
#include "far_store_testing.hpp"
#include "repository/repository_testing.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <barrier>
#include <map>
#include <set>
#include <span>
#include <vector>

namespace holdfast::repository {
namespace {

using base::Bytes;
using base::ChunkId;
using base::ErrorKind;
using pipeline::PackKind;
using storage::Operation;

/// Before the repository that is in it.
struct HasFarStore {
  FarStore far;
};

class ReadAheadTest : public ::testing::Test, private HasFarStore, protected TestRepository {
protected:
  using HasFarStore::far;

  ReadAheadTest() : TestRepository(far.open()) {
    WriteSession session(*repository, small_packs());
    pipeline::SegmentBuilder segment(64 * 1024);
    pipeline::SegmentCodec codec(1);
    std::vector<ChunkId> ids;
    for (int i = 0; i < 100; ++i) {
      const auto bytes = random_bytes(8000);
      ids.push_back(repository->keys().chunk_id(bytes));
      if (!session.claim(ids.back())) continue;
      if (segment.should_seal_before(bytes.size())) session.store(PackKind::data, segment, codec);
      segment.add(ids.back(), bytes);
    }
    session.store(PackKind::data, segment, codec);
    session.finish();
    for (const auto& id : ids)
      locations.insert(repository->index().find(id)->segment);
  }

  std::vector<PackRange> all_ranges() const {
    std::vector<PackRange> ranges;
    for (const auto& location : locations)
      for (const auto& range : ranges_read_for({&location, 1}))
        ranges.push_back(range);
    return ranges;
  }
  Bytes read(const SegmentLocation& location, ReadAhead* ahead) {
    SegmentReader reader(*repository, ahead);
    return base::copy_of(reader.read(location));
  }

  std::set<SegmentLocation> locations;
};

TEST_F(ReadAheadTest, WhatIsTakenIsWhatIsStored) {
  ReadAhead ahead(*repository, {});
  ASSERT_TRUE(ahead.pays());
  ahead.expect(all_ranges());
  for (const auto& location : locations)
    EXPECT_EQ(read(location, &ahead), read(location, nullptr));
}

TEST_F(ReadAheadTest, ReadsSeveralAtOnce) {
  std::barrier together(5);  // four readers and this thread: nobody goes on alone
  std::atomic<int> reads = 0;
  far.on_transfer = [&] {
    if (++reads <= 4) together.arrive_and_wait();
  };
  far.watches = true;
  ReadAhead ahead(*repository, {});
  const auto ranges = all_ranges();
  ASSERT_GE(ranges.size(), 4U);
  ahead.expect(ranges);
  together.arrive_and_wait();
  base::Buffer bytes;
  for (const auto& range : std::span(ranges).first(4)) {
    EXPECT_TRUE(ahead.take(range, bytes));
    EXPECT_EQ(bytes.size(), range.size);
  }
}

TEST_F(ReadAheadTest, EachIsTakenOnce) {
  ReadAhead ahead(*repository, {});
  const auto range = all_ranges().front();
  ahead.expect({&range, 1});
  base::Buffer bytes;
  ahead.take(range, bytes);
  EXPECT_FALSE(ahead.take(range, bytes));
}

TEST_F(ReadAheadTest, WhatCannotBeReadIsLeftToWhoTakesIt) {
  std::atomic<bool> fails = true;
  plan = [&](Operation operation, const std::string&, std::uint64_t) {
    return fails && operation == Operation::read ? std::optional(storage::Fault{}) : std::nullopt;
  };
  ReadAhead ahead(*repository, {});
  const auto ranges = all_ranges();
  ahead.expect(ranges);
  base::Buffer bytes;
  for (const auto& range : ranges)
    EXPECT_FALSE(ahead.take(range, bytes));
  fails = false;
  const auto& location = *locations.begin();
  EXPECT_EQ(read(location, &ahead), read(location, nullptr));
}

TEST_F(ReadAheadTest, MoreThanThereIsIsNotThere) {
  ReadAhead ahead(*repository, {});
  auto range = all_ranges().front();
  range.offset = 1ULL << 40;
  const PackRange huge{range.pack, 0, 1ULL << 40};
  const std::array wanted{range, huge};
  ahead.expect(wanted);
  base::Buffer bytes;
  for (const auto& one : wanted)
    EXPECT_FALSE(ahead.take(one, bytes));
}

TEST_F(ReadAheadTest, ManyThreadsTakeWhatManyExpect) {
  ReadAhead ahead(*repository, {});
  std::map<SegmentLocation, Bytes> wanted;
  for (const auto& location : locations)
    wanted[location] = read(location, nullptr);
  base::TaskGroup threads;
  for (int i = 0; i < 4; ++i) {
    threads.spawn([&](const std::stop_token&) {
      ahead.expect(all_ranges());
      for (const auto& [location, bytes] : wanted)
        EXPECT_EQ(read(location, &ahead), bytes);
    });
  }
  threads.join();
}

TEST(NearReadAheadTest, DoesNothing) {
  TestRepository near;
  ReadAhead ahead(*near.repository, {});
  EXPECT_FALSE(ahead.pays());
  const PackRange range{0, 0, 10};
  ahead.expect({&range, 1});
  base::Buffer bytes;
  EXPECT_FALSE(ahead.take(range, bytes));
}

}  // namespace
}  // namespace holdfast::repository
