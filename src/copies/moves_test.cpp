#include "copies/moves.hpp"

#include "repository/check.hpp"
#include "repository/collection_testing.hpp"
#include "repository/elsewhere.hpp"
#include "repository/holds.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::copies {
namespace {

using base::ErrorKind;
using repository::files;
using repository::kind_of_failure;
using repository::PackMark;
using repository::Repository;
using repository::StoredPack;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Names = std::vector<std::string>;

/// A repository and a copy of it, called far.
class MovesTest : public ::testing::Test {
protected:
  std::unique_ptr<Repository> open(storage::Backend& store) {
    caches_.push_back(std::make_unique<base::TemporaryDirectory>(repository::scratch_parent()));
    return Repository::open(store, site_.passphrase,
                            {site_.clock, site_.random, caches_.back()->path(), 1});
  }
  base::SnapshotId back_up(const std::vector<int>& numbers) {
    return site_.back_up(*site_.repository, "blog", files(numbers));
  }
  CopyReport copy() { return run_copy(*site_.repository, *far_, {}, site_.progress, {}); }
  CollectReport collect() {
    return collect_copy(*site_.repository, *open(*far_), "far", site_.progress, {});
  }
  static Names names(storage::Backend& store, const std::string& prefix) {
    Names found;
    store.list(prefix, [&](const auto& object) { found.push_back(object.name); });
    return found;
  }
  /// The packs of content, as the index has them.
  std::vector<StoredPack> content() {
    std::vector<StoredPack> packs;
    for (const auto& pack : site_.repository->fresh_index().packs()) {
      if (pack.kind == pipeline::PackKind::data) packs.push_back({pack.id, pack.size});
    }
    return packs;
  }
  MovesReport move() {
    return move_away(*site_.repository, *open(*far_), "far", content(), site_.progress, {});
  }
  MovesReport bring(bool any = false) {
    return bring_back(*site_.repository, *far_, "far", any, site_.progress, {});
  }
  /// Every snapshot is there with its content, read from far where it is not here, and checks of
  /// both stores find nothing.
  void expect_whole() {
    const auto both =
        storage::with_fallbacks(*site_.memory, {{"far", [&] { return storage::read_only(*far_); }}},
                                [](const std::string&) {});
    const auto reader = open(*both);
    std::size_t found = 0;
    for (const auto& snapshot : reader->snapshots().list()) {
      if (!site_.expected.contains(snapshot.id)) continue;
      EXPECT_EQ(repository::read_files(*reader, snapshot), site_.expected.at(snapshot.id));
      ++found;
    }
    EXPECT_EQ(found, site_.expected.size());
    expect_clean(*site_.memory);
    expect_clean(*far_);
  }
  repository::CheckReport expect_clean(storage::Backend& store) {
    repository::CheckOptions options{.read_data = true, .threads = 1};
    options.open_store = [this](const std::string& name) {
      return name == "far" ? far_.get() : nullptr;
    };
    const auto report = repository::check(*open(store), options, site_.progress, {});
    for (const auto& problem : report.problems)
      ADD_FAILURE() << store.describe() << problem.object << ": " << problem.message;
    return report;
  }

  repository::CollectionRepository site_;
  std::vector<std::unique_ptr<base::TemporaryDirectory>> caches_;
  std::unique_ptr<storage::Backend> far_ = storage::open_memory();
};

TEST_F(MovesTest, WhatTheCopyKeepsLeavesTheRepositoryAndIsReadThere) {
  back_up({1, 2, 3, 4});
  copy();
  const auto packs = content();
  ASSERT_GT(packs.size(), 1U);
  const auto report = move();
  EXPECT_EQ(report.packs, packs.size());
  EXPECT_THAT(report.problems, IsEmpty());
  const auto marked = repository::list_marked_packs(*site_.memory);
  for (const auto& pack : packs) {
    EXPECT_FALSE(site_.memory->stat(repository::pack_object_name(pack.id)));
    EXPECT_TRUE(marked.away.contains(pack.id));
    EXPECT_TRUE(repository::list_marked_packs(*far_).kept.contains(pack.id));
    EXPECT_EQ(repository::read_mark(*site_.repository, pack.id, PackMark::away).store, "far");
  }
  const auto checked = expect_clean(*site_.memory);
  ASSERT_THAT(checked.elsewhere, SizeIs(1));
  EXPECT_EQ(checked.elsewhere[0].packs, packs.size());
  EXPECT_TRUE(checked.elsewhere[0].was_looked_at);
  expect_whole();
  EXPECT_TRUE(plan_copy(*site_.repository, *far_).up_to_date());
  EXPECT_THAT(plan_copy(*site_.repository, *far_).superfluous, IsEmpty());
}

TEST_F(MovesTest, WithoutTheCopyACheckSaysSoAndReadingNamesIt) {
  const auto id = back_up({1, 2});
  copy();
  move();
  const auto report = repository::check(*open(*site_.memory), {.read_data = true, .threads = 1},
                                        site_.progress, {});
  EXPECT_TRUE(report.clean());
  ASSERT_THAT(report.elsewhere, SizeIs(1));
  EXPECT_FALSE(report.elsewhere[0].was_looked_at);
  const auto reader = open(*site_.memory);
  try {
    repository::read_files(*reader, reader->snapshots().load(id));
    FAIL() << "nothing is here";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("kept in far only"));
    EXPECT_THAT(error.hint(), HasSubstr("--bring-back"));
  }
}

TEST_F(MovesTest, ACheckFindsWhatTheCopyLostOrDamaged) {
  back_up({1, 2, 3, 4, 5, 6});
  copy();
  const auto packs = content();
  move();
  ASSERT_GT(packs.size(), 1U);
  far_->remove(repository::pack_object_name(packs[0].id));
  auto bytes = storage::get(*far_, repository::pack_object_name(packs[1].id), 1 << 30);
  bytes[1000] ^= std::byte{1};
  far_->remove(repository::pack_object_name(packs[1].id));
  ASSERT_EQ(storage::put(*far_, repository::pack_object_name(packs[1].id), bytes),
            storage::PutOutcome::stored);
  repository::CheckOptions options{.read_data = true, .threads = 1};
  options.open_store = [this](const std::string&) { return far_.get(); };
  const auto report = repository::check(*open(*site_.memory), options, site_.progress, {});
  std::map<std::string, std::string> problems;
  for (const auto& problem : report.problems) {
    problems[problem.object] = problem.message;
    EXPECT_THAT(problem.affected, testing::Not(IsEmpty())) << problem.object;
  }
  EXPECT_THAT(problems[repository::pack_object_name(packs[0].id)],
              HasSubstr("is missing in far, which alone is to have it"));
  EXPECT_THAT(problems[repository::pack_object_name(packs[1].id)], testing::Not(IsEmpty()));
}

TEST_F(MovesTest, WhatIsNotThereOrNotWholeThereStays) {
  back_up({1, 2, 3, 4, 5, 6});
  copy();
  const auto packs = content();
  ASSERT_GT(packs.size(), 1U);
  far_->remove(repository::pack_object_name(packs[0].id));
  auto bytes = storage::get(*far_, repository::pack_object_name(packs[1].id), 1 << 30);
  bytes[1000] ^= std::byte{1};
  far_->remove(repository::pack_object_name(packs[1].id));
  ASSERT_EQ(storage::put(*far_, repository::pack_object_name(packs[1].id), bytes),
            storage::PutOutcome::stored);
  const auto report = move();
  EXPECT_EQ(report.packs, packs.size() - 2);
  EXPECT_EQ(report.packs_lacking, 1U);
  ASSERT_THAT(report.problems, SizeIs(1));
  EXPECT_EQ(report.problems[0].object, repository::pack_object_name(packs[1].id));
  for (const auto& pack : {packs[0], packs[1]}) {
    EXPECT_TRUE(site_.memory->stat(repository::pack_object_name(pack.id)));
    EXPECT_FALSE(repository::is_away(*site_.memory, pack.id));
  }
}

TEST_F(MovesTest, BackupsRelyOnPacksThatAreElsewhere) {
  back_up({1, 2, 3});
  copy();
  move();
  const auto before = names(*site_.memory, "packs/").size();
  const auto again = open(*site_.memory);
  site_.back_up(*again, "blog", files({1, 2, 3}));
  // A few trees that say when, and none of the content.
  const auto fresh = content();
  for (const auto& pack : fresh)
    EXPECT_TRUE(repository::is_away(*site_.memory, pack.id));
  EXPECT_LE(names(*site_.memory, "packs/").size(), before + 1);
  copy();
  expect_whole();
}

TEST_F(MovesTest, APruneOfTheRepositoryReleasesThemAndThenTheCopyMayLoseThem) {
  const auto first = back_up({1, 2, 3, 4});
  back_up({50, 51});
  copy();
  const auto packs = content();
  move();
  site_.forget(*site_.repository, first);
  const auto there = names(*far_, "packs/").size();
  const auto pruned = site_.prune(*site_.repository);
  EXPECT_GT(pruned.packs_released, 0U);
  EXPECT_LT(pruned.packs_released, packs.size());
  EXPECT_THAT(site_.names("tombs/"), IsEmpty());
  EXPECT_EQ(names(*far_, "packs/").size(), there);
  copy();
  const auto collected = collect();
  EXPECT_GE(collected.packs_deleted, pruned.packs_released);
  EXPECT_EQ(collected.packs_kept, 0U);
  const auto here = repository::list_marked_packs(*site_.memory);
  EXPECT_THAT(here.released, IsEmpty());
  EXPECT_EQ(repository::list_marked_packs(*far_).kept, here.away);
  expect_whole();
}

TEST_F(MovesTest, APruneOfTheCopyAloneKeepsWhatTheRepositoryGaveUp) {
  const auto first = back_up({1, 2, 3, 4});
  copy();
  move();
  // The copy forgets by itself, and does not know yet that the repository needs it again.
  const auto there = open(*far_);
  there->snapshots().forget({first}, site_.clock.wall_now(), "test");
  back_up({1, 2, 3, 4, 5});
  const auto pruned = site_.prune(*open(*far_));
  for (const auto& id : repository::list_marked_packs(*site_.memory).away)
    EXPECT_TRUE(far_->stat(repository::pack_object_name(id)));
  EXPECT_EQ(pruned.packs_marked, 0U);
  site_.expected.erase(first);
  copy();
  collect();
  expect_whole();
}

TEST_F(MovesTest, APruneNeverWritesThemAnew) {
  const auto first = back_up({1, 2, 3, 4, 5, 6, 7, 8});
  copy();
  move();
  back_up({4});
  site_.forget(*site_.repository, first);
  const auto plan = repository::plan_prune(*site_.repository, site_.options(), site_.progress, {});
  for (const auto& pack : plan.repacked)
    EXPECT_FALSE(repository::is_away(*site_.memory, pack.id));
  EXPECT_GT(plan.packs_away, 0U);
  site_.prune(*site_.repository);
  copy();
  collect();
  expect_whole();
}

TEST_F(MovesTest, TheyComeBack) {
  back_up({1, 2, 3});
  copy();
  const auto packs = content();
  move();
  const auto report = bring();
  EXPECT_EQ(report.packs, packs.size());
  EXPECT_THAT(names(*site_.memory, "elsewhere/"), IsEmpty());
  EXPECT_THAT(names(*far_, "elsewhere/"), IsEmpty());
  for (const auto& pack : packs)
    EXPECT_TRUE(site_.memory->stat(repository::pack_object_name(pack.id)));
  far_ = storage::open_memory();
  copy();
  expect_whole();
  EXPECT_EQ(move().packs, packs.size());
}

TEST_F(MovesTest, AnotherCopyGetsThemFromTheStoreThatKeepsThem) {
  back_up({1, 2, 3});
  copy();
  const auto packs = content();
  move();
  const auto third = storage::open_memory();
  const auto without = run_copy(*site_.repository, *third, {}, site_.progress, {});
  EXPECT_THAT(without.problems, SizeIs(packs.size()));
  EXPECT_THAT(without.problems.at(0).message, HasSubstr("kept in far only, which is not at hand"));
  EXPECT_FALSE(plan_copy(*site_.repository, *third).up_to_date());
  CopyOptions options;
  options.open_store = [this](const std::string&) { return far_.get(); };
  const auto with = run_copy(*site_.repository, *third, options, site_.progress, {});
  EXPECT_THAT(with.problems, IsEmpty());
  EXPECT_TRUE(plan_copy(*site_.repository, *third).up_to_date());
  expect_clean(*third);
  // What the third says to far counts for nothing: it gave nothing up.
  const auto third_opened = open(*third);
  collect_copy(*third_opened, *open(*far_), "far", site_.progress, {});
  expect_whole();
  // And any copy brings them back.
  far_ = storage::open_memory();
  EXPECT_EQ(bring_back(*site_.repository, *third, "third", true, site_.progress, {}).packs,
            packs.size());
  copy();
  expect_whole();
}

TEST_F(MovesTest, WhatIsOnItsWayToOneStoreDoesNotGoToAnother) {
  back_up({1});
  copy();
  const auto pack = content().at(0);
  repository::put_mark(*site_.repository, *site_.memory, pack.id, PackMark::away,
                       {site_.clock.wall_now(), "other"});
  const auto report = move();
  EXPECT_EQ(report.packs, 0U);
  ASSERT_THAT(report.problems, SizeIs(1));
  EXPECT_THAT(report.problems[0].message, HasSubstr("on its way to other"));
  EXPECT_TRUE(site_.memory->stat(repository::pack_object_name(pack.id)));
}

/// From the call with this number on nothing reaches the repository's store.
class Death {
public:
  Death(repository::CollectionRepository& site, std::uint64_t point) : site_(site) {
    site.plan = [this, point](storage::Operation, const std::string&, std::uint64_t) {
      return ++calls_ >= point
                 ? std::optional(storage::Fault{storage::Fault::When::before, ErrorKind::io})
                 : std::nullopt;
    };
  }
  ~Death() { site_.plan = nullptr; }
  Death(const Death&) = delete;
  Death& operator=(const Death&) = delete;
  std::uint64_t calls() const { return calls_; }

private:
  repository::CollectionRepository& site_;
  std::uint64_t calls_ = 0;
};

/// Leases of runs that died are over.
constexpr std::int64_t later_seconds = 24 * 3600;

TEST_F(MovesTest, KilledAtAnyCallNothingIsLostAndTheNextRunFinishes) {
  back_up({1, 2, 3, 4});
  copy();
  const auto packs = content();
  bool finished = false;
  for (std::uint64_t point = 1; !finished && !HasFailure(); ++point) {
    SCOPED_TRACE(fmt::format("killed at call {}", point));
    {
      const Death death(site_, point);
      const auto failure = kind_of_failure([&] { move(); });
      finished = !failure && death.calls() < point;
    }
    site_.clock.advance_seconds(later_seconds);
    expect_whole();
    move();
    EXPECT_EQ(repository::list_marked_packs(*site_.memory).away.size(), packs.size());
    {
      const Death death(site_, point);
      static_cast<void>(kind_of_failure([&] { bring(); }));
    }
    site_.clock.advance_seconds(later_seconds);
    expect_whole();
    bring();
    EXPECT_THAT(names(*site_.memory, "elsewhere/"), IsEmpty());
    EXPECT_THAT(names(*far_, "elsewhere/"), IsEmpty());
  }
  EXPECT_TRUE(finished);
}

TEST_F(MovesTest, APruneAndACollectionThatAreKilledLoseNothingAndKeepNothingForEver) {
  // What runs leave behind makes each prune longer than the one before: it has no last call.
  constexpr std::uint64_t points_end = 120;
  auto last = back_up({1});
  for (std::uint64_t point = 1; point < points_end && !HasFailure(); point += 7) {
    SCOPED_TRACE(fmt::format("killed at call {}", point));
    const auto number = 10 * static_cast<int>(point);
    const auto next = back_up({number, number + 1});
    copy();
    move();
    site_.forget(*site_.repository, last);
    last = next;
    {
      const Death death(site_, point);
      static_cast<void>(kind_of_failure([&] { site_.prune(*site_.repository); }));
    }
    site_.clock.advance_seconds(later_seconds);
    copy();
    expect_whole();
    site_.prune(*open(*site_.memory));
    {
      const Death death(site_, point);
      static_cast<void>(kind_of_failure([&] { collect(); }));
    }
    site_.clock.advance_seconds(later_seconds);
    copy();
    collect();
    expect_whole();
    const auto here = repository::list_marked_packs(*site_.memory);
    EXPECT_THAT(here.released, IsEmpty());
    EXPECT_EQ(repository::list_marked_packs(*far_).kept, here.away);
    EXPECT_EQ(names(*far_, "packs/").size(), site_.names("packs/").size() + here.away.size());
  }
}

}  // namespace
}  // namespace holdfast::copies
