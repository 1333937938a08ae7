#include "copies/copy.hpp"

#include "repository/check.hpp"
#include "repository/collection_testing.hpp"
#include "repository/reader_lease.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::copies {
namespace {

using repository::files;
using repository::kind_of_failure;
using repository::Repository;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CopyTest : public ::testing::Test {
protected:
  CopyReport copy(CopyOptions options = {}) {
    return run_copy(*site_.repository, *copy_, options, site_.progress, {});
  }
  std::unique_ptr<Repository> open_copy(storage::Backend& store) {
    return Repository::open(store, site_.passphrase,
                            {site_.clock, site_.random, caches_.path() + "/copy"});
  }
  /// The copy has every snapshot with its content, and a check finds nothing wrong.
  void expect_whole(storage::Backend& store) {
    const auto opened = open_copy(store);
    const auto snapshots = opened->snapshots().list();
    EXPECT_EQ(snapshots.size(), site_.expected.size());
    for (const auto& snapshot : snapshots)
      EXPECT_EQ(repository::read_files(*opened, snapshot), site_.expected.at(snapshot.id));
    const auto report =
        repository::check(*opened, {.read_data = true, .threads = 1}, site_.progress, {});
    for (const auto& problem : report.problems)
      ADD_FAILURE() << problem.object << ": " << problem.message;
  }
  static std::vector<std::string> names(storage::Backend& store, const std::string& prefix) {
    std::vector<std::string> found;
    store.list(prefix, [&](const auto& object) { found.push_back(object.name); });
    return found;
  }
  base::SnapshotId back_up(const std::vector<int>& numbers) {
    return site_.back_up(*site_.repository, "blog", files(numbers));
  }

  repository::CollectionRepository site_;
  base::TemporaryDirectory caches_{repository::scratch_parent()};
  std::unique_ptr<storage::Backend> copy_ = storage::open_memory();
};

TEST_F(CopyTest, HasEverySnapshotAndOpensWithTheSameKey) {
  back_up({1, 2, 3});
  back_up({2, 3, 4, 5});
  const auto report = copy();
  EXPECT_THAT(report.snapshots_sent, SizeIs(2));
  EXPECT_THAT(report.problems, IsEmpty());
  expect_whole(*copy_);
  for (const auto& name : names(*copy_, "")) {
    EXPECT_EQ(storage::get(*copy_, name, 1 << 30), site_.object(name)) << name;
  }
  EXPECT_TRUE(plan_copy(*site_.repository, *copy_).up_to_date());
}

TEST_F(CopyTest, SendsWhatIsNewAndNothingElse) {
  back_up({1, 2, 3});
  copy();
  const auto again = copy();
  EXPECT_EQ(again.packs_sent, 0U);
  EXPECT_EQ(again.objects_sent, 0U);
  back_up({1, 2, 3, 4});
  const auto plan = plan_copy(*site_.repository, *copy_);
  const auto third = copy();
  EXPECT_EQ(third.bytes_sent, plan.pack_bytes());
  EXPECT_LT(third.bytes_sent, 50'000U) << "one file of 20 kB, and trees";
  EXPECT_THAT(third.snapshots_sent, SizeIs(1));
  expect_whole(*copy_);
}

TEST_F(CopyTest, ForgetsWhatWasForgotten) {
  const auto first = back_up({1, 2});
  back_up({2, 3});
  copy();
  site_.forget(*site_.repository, first);
  const auto report = copy();
  EXPECT_EQ(report.snapshots_removed, 1U);
  expect_whole(*copy_);
}

TEST_F(CopyTest, WhatTheRepositoryLostIsNotLostInTheCopy) {
  const auto first = back_up({1, 2});
  copy();
  site_.memory->remove("snapshots/" + first.hex());
  const auto plan = plan_copy(*site_.repository, *copy_);
  EXPECT_THAT(plan.forgotten, IsEmpty());
  EXPECT_EQ(plan.only_there, std::vector{first});
  copy();
  expect_whole(*copy_);
}

TEST_F(CopyTest, WhatTheRepositoryDeletedGoesThereToo) {
  const auto first = back_up({1, 2, 3, 4, 5});
  back_up({5, 6});
  copy();
  site_.forget(*site_.repository, first);
  site_.prune(*site_.repository);
  EXPECT_FALSE(plan_copy(*site_.repository, *copy_).superfluous.empty());
  copy();
  const auto there = open_copy(*copy_);
  const auto report = collect_copy(*site_.repository, *there, "copy", site_.progress, {});
  EXPECT_GT(report.packs_deleted, 0U);
  EXPECT_EQ(report.packs_kept, 0U);
  for (const auto* prefix : {"packs/", "index/", "snapshots/", "tombs/", "leases/"}) {
    EXPECT_EQ(names(*copy_, prefix), site_.names(prefix)) << prefix;
  }
  expect_whole(*copy_);
}

TEST_F(CopyTest, PacksThatTheRepositoryLostStayWhereTheyAreNeeded) {
  back_up({1, 2, 3});
  copy();
  for (const auto& name : site_.names("packs/"))
    site_.memory->remove(name);
  const auto there = open_copy(*copy_);
  const auto report = collect_copy(*site_.repository, *there, "copy", site_.progress, {});
  EXPECT_EQ(report.packs_deleted, 0U);
  EXPECT_EQ(report.packs_kept, names(*copy_, "packs/").size());
  expect_whole(*copy_);
}

TEST_F(CopyTest, AnotherRepositoryThereIsLeftAlone) {
  back_up({1});
  const auto other = storage::open_memory();
  base::SeededRandom random(99);
  Repository::create(*other, site_.passphrase,
                     {{1, crypto::PassphraseCost::memory_bytes_min}, "other"},
                     {site_.clock, random, caches_.path()});
  const auto before = names(*other, "");
  EXPECT_EQ(kind_of_failure([&] { run_copy(*site_.repository, *other, {}, site_.progress, {}); }),
            base::ErrorKind::conflict);
  EXPECT_EQ(names(*other, ""), before);
}

TEST_F(CopyTest, ADamagedPackIsMendedOnTheWayAndOneBeyondThatIsNamed) {
  back_up({1, 2, 3});
  const auto packs = site_.names("packs/");
  ASSERT_FALSE(packs.empty());
  const auto whole = site_.object(packs[0]);
  site_.flip(packs[0], 1000);
  const auto report = copy();
  EXPECT_EQ(report.packs_mended, 1U);
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(storage::get(*copy_, packs[0], 1 << 30), whole);
  expect_whole(*copy_);

  const auto second = storage::open_memory();
  auto ruined = whole;
  std::ranges::fill(ruined, std::byte{7});
  site_.replace(packs[0], ruined);
  const auto failed = run_copy(*site_.repository, *second, {}, site_.progress, {});
  ASSERT_THAT(failed.problems, SizeIs(1));
  EXPECT_EQ(failed.problems[0].object, packs[0]);
  EXPECT_FALSE(second->stat(packs[0]));
}

TEST_F(CopyTest, NoDamagedByteOfAPackTravels) {
  back_up({1});
  const auto pack = site_.names("packs/").at(0);
  const auto whole = site_.object(pack);
  for (std::size_t at = 0; at < whole.size(); at += 997) {
    site_.flip(pack, at);
    const auto there = storage::open_memory();
    const auto report = run_copy(*site_.repository, *there, {}, site_.progress, {});
    EXPECT_EQ(report.packs_mended, 1U) << at;
    EXPECT_EQ(storage::get(*there, pack, 1 << 30), whole) << at;
    site_.replace(pack, whole);
  }
}

TEST_F(CopyTest, ADamagedSmallObjectIsNamedAndNotSent) {
  back_up({1, 2, 3});
  const auto name = site_.names("reach/").at(0);
  site_.flip(name, 30);
  const auto report = copy();
  ASSERT_THAT(report.problems, SizeIs(1));
  EXPECT_EQ(report.problems[0].object, name);
  EXPECT_FALSE(copy_->stat(name));
}

TEST_F(CopyTest, APackThatIsCutThereIsSentAgain) {
  back_up({1, 2, 3});
  copy();
  const auto name = site_.names("packs/").at(0);
  auto cut = site_.object(name);
  cut.resize(cut.size() / 2);
  copy_->remove(name);
  ASSERT_EQ(storage::put(*copy_, name, cut), storage::PutOutcome::stored);
  EXPECT_EQ(plan_copy(*site_.repository, *copy_).broken_packs, std::vector{name});
  copy();
  expect_whole(*copy_);
}

TEST_F(CopyTest, ReadsBackWhatWasSentWhenAsked) {
  back_up({1, 2, 3});
  const auto lying = storage::with_faults(
      *copy_, [](auto, const auto&, auto) { return std::nullopt; },
      [](const std::string& name, std::uint64_t offset, base::MutableBytes bytes) {
        if (name.starts_with("packs/") && offset == 0) bytes[500] ^= std::byte{1};
      });
  CopyOptions options;
  options.read_back = true;
  const auto report = run_copy(*site_.repository, *lying, options, site_.progress, {});
  EXPECT_THAT(report.problems, SizeIs(site_.names("packs/").size()));
}

TEST_F(CopyTest, APackThatAPruneThereMeansToDeleteIsNotReliedOn) {
  const auto first = back_up({1, 2});
  copy();
  const auto there = open_copy(*copy_);
  // The copy alone is told to forget, and its prune is held up by a reader.
  there->snapshots().forget({first}, site_.clock.wall_now(), "test");
  const auto lease = std::make_unique<repository::ReaderLease>(*there, "restore");
  site_.prune(*there);
  ASSERT_FALSE(names(*copy_, "tombs/").empty());
  copy_->remove(names(*copy_, "packs/").at(0));
  EXPECT_EQ(kind_of_failure([&] { copy(); }), base::ErrorKind::conflict);
}

TEST_F(CopyTest, MayDieAtEveryCallAndIsRepeated) {
  back_up({1, 2, 3});
  const auto first = back_up({3, 4});
  back_up({5});
  site_.forget(*site_.repository, first);
  for (std::uint64_t dying = 1;; ++dying) {
    const auto store = storage::open_memory();
    const auto dead = storage::with_faults(
        *store, [&](auto, const auto&, std::uint64_t call) -> std::optional<storage::Fault> {
          if (call < dying) return {};
          return storage::Fault{.when = call == dying ? storage::Fault::When::after
                                                      : storage::Fault::When::before};
        });
    CopyOptions options;
    options.streams = 1;
    const auto failure =
        kind_of_failure([&] { run_copy(*site_.repository, *dead, options, site_.progress, {}); });
    // No snapshot is there before all that it needs is.
    for (const auto& name : names(*store, "snapshots/")) {
      const auto there = open_copy(*store);
      const auto id = base::SnapshotId::from_hex(name.substr(name.find('/') + 1));
      if (!there->snapshots().exists(id)) continue;
      EXPECT_EQ(repository::read_files(*there, there->snapshots().load(id)), site_.expected.at(id));
    }
    run_copy(*site_.repository, *store, options, site_.progress, {});
    EXPECT_TRUE(plan_copy(*site_.repository, *store).up_to_date());
    if (!failure) {
      EXPECT_GT(dying, 30U);
      expect_whole(*store);
      break;
    }
  }
}

}  // namespace
}  // namespace holdfast::copies
