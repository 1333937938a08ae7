#include "repository/repair.hpp"

#include "base/error.hpp"
#include "index_segment.hpp"
#include "repository/chunk_reader.hpp"
#include "repository/prune.hpp"
#include "repository/repository_testing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace holdfast::repository {
namespace {

using base::Bytes;
using base::ChunkId;

class RepairTest : public ::testing::Test, protected TestRepository {
protected:
  std::vector<Bytes> contents;
  std::vector<ChunkId> ids;

  void SetUp() override {
    WriteSession session(*repository, small_packs());
    pipeline::SegmentBuilder segment(64 * 1024);
    pipeline::SegmentCodec codec(1);
    for (int i = 0; i < 60; ++i) {
      contents.push_back(random_bytes(20'000));
      ids.push_back(repository->keys().chunk_id(contents.back()));
      ASSERT_TRUE(session.claim(ids.back()));
      segment.add(ids.back(), contents.back());
      if (segment.should_seal_before(20'000))
        session.store(pipeline::PackKind::data, segment, codec);
    }
    if (!segment.empty()) session.store(pipeline::PackKind::data, segment, codec);
    session.finish();
    commit_file(session);
  }
  /// A snapshot of one file that needs all of it.
  void commit_file(WriteSession& session) {
    Snapshot snapshot;
    snapshot.site = "test";
    SnapshotItem item;
    item.path = "/file";
    item.root.entry.name = "file";
    item.root.entry.kind = sources::EntryKind::file;
    item.root.entry.size = 60 * 20'000;
    item.root.chunks = ids;
    snapshot.items = {std::move(item)};
    session.commit(snapshot);
  }

  RepairPlan plan_of(Repository& of, const RepairOptions& options = {}) {
    base::NoProgress progress;
    return plan_repair(of, options, progress, {});
  }
  std::vector<RepairStep> repair(const RepairOptions& options = {}) {
    base::NoProgress progress;
    const auto opened = reopen();
    const auto found = plan_repair(*opened, options, progress, {});
    return apply_repair(*opened, found, options, progress, {});
  }
  bool is_clean() {
    base::NoProgress progress;
    return check(*reopen(), {.read_data = true, .threads = 2}, progress, {}).clean();
  }
  std::size_t chunks_that_load(bool without_index = false) {
    const auto opened = reopen();
    opened->read_unindexed_packs(without_index);
    std::size_t loaded = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      try {
        if (opened->chunks().load(ids[i]) == contents[i]) ++loaded;
      } catch (const base::Error&) {
        continue;
      }
    }
    return loaded;
  }
  /// Everything now in the store, in another one.
  std::unique_ptr<storage::Backend> copy_of_store() const {
    auto copy = storage::open_memory();
    for (const auto& name : names(""))
      static_cast<void>(storage::put(*copy, name, object(name)));
    return copy;
  }
  /// Packs, the largest first.
  std::vector<std::string> packs() const {
    auto all = names("packs/");
    std::ranges::sort(all, std::greater{}, [&](const auto& name) { return object(name).size(); });
    return all;
  }
  void destroy(const std::string& name, std::size_t begin, std::size_t size) const {
    auto bytes = object(name);
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(begin), size, std::byte{0});
    replace(name, bytes);
  }
};

TEST_F(RepairTest, AWholeRepositoryNeedsNothing) {
  const auto nothing = plan_of(*repository);
  EXPECT_TRUE(nothing.empty());
  EXPECT_TRUE(nothing.beyond.empty());
}

TEST_F(RepairTest, APackIsMendedFromItsParityUnderANewName) {
  const auto before = packs();
  destroy(before[0], 100'000, 30'000);
  ASSERT_FALSE(is_clean());
  ASSERT_LT(chunks_that_load(), ids.size());
  const auto steps = repair();
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].object, before[0]);
  EXPECT_EQ(steps[0].lost, 0U);
  EXPECT_GE(steps[0].from_parity, 1U);
  EXPECT_TRUE(is_clean());
  EXPECT_EQ(chunks_that_load(), ids.size());
  const auto after = names("packs/");
  EXPECT_EQ(after.size(), before.size() + 1);
  EXPECT_NE(std::ranges::find(after, before[0]), after.end()) << "it stays until a prune";
}

TEST_F(RepairTest, ADamagedPartOfTheLedgerGoesAndForeignFilesStay) {
  base::NoProgress progress;
  check(*reopen(), {.read_data = true, .threads = 1, .keep_ledger = true}, progress, {});
  const auto name = names("checks/").at(0);
  flip(name, 50);
  replace("checks/readme", base::as_bytes("hello"));
  const auto steps = repair();
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].object, name);
  EXPECT_EQ(names("checks/"), std::vector<std::string>{"checks/readme"});
  const auto left = plan_of(*reopen());
  EXPECT_TRUE(left.empty());
  ASSERT_EQ(left.beyond.size(), 1U);
  EXPECT_EQ(left.beyond[0].object, "checks/readme");
}

TEST_F(RepairTest, ADryRunChangesNothing) {
  const auto before = names("");
  destroy(packs()[0], 100'000, 30'000);
  EXPECT_EQ(plan_of(*reopen()).steps.size(), 1U);
  EXPECT_EQ(names(""), before);
}

TEST_F(RepairTest, WhatParityCannotMendComesFromTheCopy) {
  const auto copy = copy_of_store();
  const auto damaged = packs();
  destroy(damaged[0], 70'000, 180'000);
  memory->remove(damaged[1]);
  const auto opened_copy =
      Repository::open(*copy, passphrase, {clock, random, cache.path() + "/copy"});
  const auto alone = plan_of(*reopen());
  ASSERT_EQ(alone.steps.size(), 2U);
  EXPECT_GT(alone.steps[0].lost, 0U);
  EXPECT_GT(alone.steps[1].lost, 0U);
  const auto steps = repair({.copy = opened_copy.get()});
  ASSERT_EQ(steps.size(), 2U);
  for (const auto& step : steps) {
    EXPECT_EQ(step.lost, 0U) << step.object;
    EXPECT_GT(step.from_copy, 0U) << step.object;
  }
  EXPECT_TRUE(is_clean());
  EXPECT_EQ(chunks_that_load(), ids.size());
}

TEST_F(RepairTest, WhatStaysLostIsStillNamedAndCanBeMendedLater) {
  const auto copy = copy_of_store();
  destroy(packs()[0], 70'000, 180'000);
  const auto readable = chunks_that_load();
  const auto steps = repair();
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_GT(steps[0].lost, 0U);
  EXPECT_GT(steps[0].whole, 0U);
  EXPECT_EQ(chunks_that_load(), readable);
  EXPECT_FALSE(is_clean());
  const auto opened_copy =
      Repository::open(*copy, passphrase, {clock, random, cache.path() + "/copy"});
  const auto later = repair({.copy = opened_copy.get()});
  ASSERT_EQ(later.size(), 1U);
  EXPECT_EQ(later[0].from_copy, steps[0].lost);
  EXPECT_TRUE(is_clean());
  EXPECT_EQ(chunks_that_load(), ids.size());
}

TEST_F(RepairTest, WhatIsGivenUpIsStoredAgainByWhoHasIt) {
  destroy(packs()[0], 70'000, 180'000);
  repair({.give_up_lost = true});
  const auto opened = reopen();
  const auto& index = opened->index();
  std::size_t unknown = 0;
  for (const auto& id : ids)
    unknown += index.contains(id) ? 0U : 1U;
  EXPECT_GT(unknown, 0U);
  EXPECT_EQ(chunks_that_load(), ids.size() - unknown);
}

TEST_F(RepairTest, EveryObjectThatGoesIsMendedOrNamed) {
  for (const auto& name : format_names()) {
    const auto whole = object(name);
    memory->remove(name);
    const auto steps = repair();
    ASSERT_EQ(steps.size(), 1U) << name;
    EXPECT_EQ(object(name), whole);
    flip(name, 40);
    EXPECT_EQ(repair().size(), 1U) << name;
    EXPECT_EQ(object(name), whole);
  }
}

TEST_F(RepairTest, WhatTheIndexLostIsReadFromPacksAndNeverBuiltUpon) {
  for (const auto& name : names("index/"))
    memory->remove(name);
  const auto pack = packs()[0];
  destroy(pack, 0, 100);                                    // its header
  destroy(packs()[1], object(packs()[1]).size() - 40, 40);  // its trailer
  const auto opened = reopen();
  EXPECT_THROW(static_cast<void>(opened->chunks().load(ids[0])), base::Error);
  opened->read_unindexed_packs(true);
  for (std::size_t i = 0; i < ids.size(); ++i)
    EXPECT_EQ(opened->chunks().load(ids[i]), contents[i]);
  EXPECT_EQ(opened->unindexed_packs_found(), packs().size());
  EXPECT_THROW(static_cast<void>(opened->chunks().load(base::ChunkId{})), base::Error);
  {
    WriteSession session(*opened, small_packs());
    for (const auto& id : ids)
      EXPECT_FALSE(session.contains(id));
    EXPECT_THROW(static_cast<void>(ChunkReader(*opened).load(ids[0])), base::Error);
    EXPECT_FALSE(session.contains(ids[0]));
  }
  // Another process takes nothing of it for the index.
  EXPECT_EQ(reopen()->index().chunk_count(), 0U);
}

TEST_F(RepairTest, TheIndexIsRebuiltFromThePacks) {
  for (const bool gone : {true, false}) {
    for (const auto& name : names("index/")) {
      if (gone) {
        memory->remove(name);
      } else {
        flip(name, object(name).size() / 2);
      }
    }
    // A damaged segment may still be in this machine's cache.
    if (gone) {
      ASSERT_EQ(chunks_that_load(), 0U);
      ASSERT_EQ(chunks_that_load(true), ids.size());
    }
    // One that lost its directory, beyond what parity mends, is rebuilt from its segments.
    const auto pack = packs()[0];
    if (gone) destroy(pack, object(pack).size() - 150'000, 150'000);
    const auto steps = repair({.index_only = true});
    EXPECT_GE(steps.size(), names("packs/").size());
    EXPECT_GE(chunks_that_load(), ids.size() - 8);
    if (gone) repair();
    for (const auto& name : names("index/")) {
      EXPECT_NO_THROW(open_index_segment(object(name), base::IndexId::from_hex(name.substr(6)),
                                         repository->id(), repository->keys()));
    }
  }
}

TEST_F(RepairTest, ItMayBeCutOffAtEveryCallOfTheStoreAndGoesOn) {
  const auto pack = packs()[0];
  destroy(pack, 100'000, 30'000);
  const auto damaged = copy_of_store();
  for (std::uint64_t last = 1;; ++last) {
    for (const auto& name : names(""))
      memory->remove(name);
    damaged->list("", [&](const auto& object_there) {
      static_cast<void>(storage::put(*memory, object_there.name,
                                     storage::get(*damaged, object_there.name, 1U << 30)));
    });
    std::uint64_t calls = 0;
    plan = [&](storage::Operation operation, const std::string&,
               std::uint64_t) -> std::optional<storage::Fault> {
      if (operation == storage::Operation::read || operation == storage::Operation::list) return {};
      if (++calls < last) return {};
      return storage::Fault{storage::Fault::When::before, base::ErrorKind::unavailable};
    };
    bool cut = false;
    try {
      repair();
    } catch (const base::Error&) {
      cut = true;
    }
    plan = {};
    repair();
    ASSERT_TRUE(is_clean()) << last;
    ASSERT_EQ(chunks_that_load(), ids.size()) << last;
    if (!cut) break;
  }
}

TEST_F(RepairTest, APruneWaitsForIt) {
  destroy(packs()[0], 100'000, 30'000);
  const auto opened = reopen();
  base::NoProgress progress;
  const auto found = plan_repair(*opened, {}, progress, {});
  std::vector<std::string> waiting;
  const auto pruning =
      Repository::open(*memory, passphrase, {clock, random, cache.path() + "/pruning"});
  plan = [&](storage::Operation operation, const std::string& name, std::uint64_t) {
    if (operation == storage::Operation::create && name.starts_with("packs/") && waiting.empty()) {
      waiting = plan_prune(*pruning, {}, progress, {}).waiting;
    }
    return std::nullopt;
  };
  apply_repair(*opened, found, {}, progress, {});
  plan = nullptr;
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_TRUE(waiting[0].starts_with("a repair since")) << waiting[0];
  EXPECT_TRUE(names("leases/").empty());
}

}  // namespace
}  // namespace holdfast::repository
