#include "prolonged_locks.hpp"

#include "repository/collection_testing.hpp"
#include "repository/copy_lease.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <utility>

namespace holdfast::repository {
namespace {

using storage::Operation;
using testing::IsEmpty;

constexpr std::int64_t day = 24L * 3600;
constexpr storage::LockTerms terms{30 * day, 8 * day};

class ProlongedLocks : public ::testing::Test, protected CollectionRepository {
protected:
  ProlongedLocks() : CollectionRepository(terms) {}

  storage::ObjectLocks& locks() { return *memory->locks(); }
  /// All that is kept is locked for the period, from now.
  void expect_locked() {
    memory->list("", [&](const storage::ObjectInfo& object) {
      const auto until = locks().locked_until(object.name);
      EXPECT_EQ(until.has_value(), is_kept_object(object.name)) << object.name;
      EXPECT_GE(until.value_or(base::WallTime{INT64_MAX, 0}).seconds,
                clock.wall_now().seconds + 30 * day)
          << object.name;
    });
  }
  std::uint64_t held_objects() {
    std::uint64_t count = 0;
    locks().list_held([&](const storage::HeldObject&) { ++count; });
    return count;
  }
};

TEST_F(ProlongedLocks, WhatLeasesAndTombsAreIsNeverLocked) {
  for (const auto* name : {"leases/a.start", "tombs/a", "checks/a", "doctor/a/small", "formats"})
    EXPECT_FALSE(is_kept_object(name)) << name;
  for (const auto* name : {"format", "format.3", "keys/a", "epochs/0002.1", "packs/ab/abc",
                           "index/a", "reach/a", "snapshots/a", "deletions/a"})
    EXPECT_TRUE(is_kept_object(name)) << name;
}

TEST_F(ProlongedLocks, AllThatIsKeptIsLockedFromEachCommit) {
  back_up(*repository, "a", files({1, 2, 3}));
  expect_locked();
  // What the first run stored is relied on by the later ones, and unlocked by itself in between.
  for (const int days : {1, 5, 20, 39, 400}) {
    clock.advance_seconds(days * day);
    back_up(*repository, "a", files({1, 2, 3}));
    expect_locked();
  }
}

TEST_F(ProlongedLocks, AMachineThatRemembersAsksOnlyForWhatIsNew) {
  std::map<Operation, std::size_t> calls;
  plan = [&](Operation operation, const std::string& /*name*/, std::uint64_t /*call*/) {
    ++calls[operation];
    return std::optional<storage::Fault>();
  };
  const auto run_on = [&](const std::string& directory) {
    calls.clear();
    prolong_locks({*TestRepository::store, clock, directory, 1}, TombedPacks());
    return std::pair(calls[Operation::locked_until], calls[Operation::lock]);
  };
  back_up(*repository, "a", files({1, 2, 3}));
  std::size_t kept = 0;
  for (const auto& name : names(""))
    kept += is_kept_object(name) ? 1 : 0;
  base::TemporaryDirectory other(scratch_parent());
  EXPECT_EQ(run_on(other.path()), std::pair(kept, std::size_t{0})) << "one that never saw them";
  EXPECT_EQ(run_on(other.path()), std::pair(std::size_t{0}, std::size_t{0}));
  clock.advance_seconds(5 * day);
  EXPECT_EQ(run_on(other.path()), std::pair(std::size_t{0}, std::size_t{0}));
  clock.advance_seconds(5 * day);
  EXPECT_EQ(run_on(other.path()), std::pair(kept, kept));
  expect_locked();
}

TEST_F(ProlongedLocks, WithoutTheRightToLockNothingIsCommitted) {
  plan = [&](Operation operation, const std::string& /*name*/, std::uint64_t /*call*/) {
    return operation == Operation::lock
               ? std::optional(
                     storage::Fault{storage::Fault::When::before, base::ErrorKind::access_denied})
               : std::nullopt;
  };
  clock.advance_seconds(20 * day);
  EXPECT_EQ(kind_of_failure([&] { back_up(*repository, "a", files({1})); }),
            base::ErrorKind::access_denied);
  EXPECT_THAT(names("snapshots/"), IsEmpty());
  plan = nullptr;
  back_up(*repository, "a", files({1}));
  expect_locked();
}

TEST_F(ProlongedLocks, WhatAPruneMeansToDeleteIsLockedNoLonger) {
  const auto first = back_up(*repository, "a", files({1, 2, 3}));
  const auto old_packs = names("packs/");
  clock.advance_seconds(day);
  forget(*repository, first);
  const auto lasting = begin(*repository, "b");  // keeps the prune from deleting
  prune(*behind());
  ASSERT_THAT(names("tombs/"), testing::SizeIs(1));
  abandon(*lasting);
  clock.advance_seconds(20 * day);
  back_up(*repository, "a", files({1, 2, 3}));
  for (const auto& name : old_packs) {
    const auto until = locks().locked_until(name);
    ASSERT_TRUE(until) << name;
    EXPECT_LT(until->seconds, clock.wall_now().seconds + 30 * day) << name;
  }
}

TEST_F(ProlongedLocks, APruneHidesWhatIsLockedAndALaterOneFreesIt) {
  const auto first = back_up(*repository, "a", files({1, 2, 3}));
  back_up(*repository, "a", files({3, 4}));
  forget(*repository, first);
  const auto report = prune(*repository);
  EXPECT_TRUE(report.finished());
  EXPECT_GT(report.packs_deleted, 0U);
  EXPECT_EQ(report.bytes_deleted, 0U);
  EXPECT_GE(report.held.objects, report.packs_deleted);
  EXPECT_GE(report.held.last->seconds, clock.wall_now().seconds + 30 * day);
  EXPECT_THAT(names("tombs/"), IsEmpty());
  EXPECT_THAT(names("leases/"), IsEmpty());
  expect_all_restore();
  const auto planned = plan_prune(*repository, options(), progress, {});
  EXPECT_TRUE(planned.empty());
  EXPECT_EQ(planned.held.objects, report.held.objects);
  // Nothing before its time, everything after.
  EXPECT_EQ(prune(*repository).bytes_released, 0U);
  EXPECT_EQ(held_objects(), report.held.objects);
  clock.advance_seconds(39 * day);
  const auto later = prune(*repository);
  EXPECT_EQ(later.bytes_released, report.held.bytes);
  EXPECT_EQ(later.held.objects, 0U);
  EXPECT_EQ(held_objects(), 0U);
  expect_all_restore();
}

TEST_F(ProlongedLocks, TheLocksOfACopyAreItsOwn) {
  const auto id = back_up(*repository, "a", files({1, 2, 3}));
  const auto copy = storage::open_locking_memory({clock, {100 * day, 25 * day}, is_kept_object});
  const auto pack = names("packs/").front();
  ASSERT_EQ(storage::put(*copy, pack, object(pack)), storage::PutOutcome::stored);
  clock.advance_seconds(90 * day);
  CopyLease lease(*repository, *copy);
  lease.commit(id, object("snapshots/" + id.hex()));
  EXPECT_GE(copy->locks()->locked_until(pack)->seconds, clock.wall_now().seconds + 100 * day);
}

/// As where a policy of the bucket locks, which nobody can prolong for one object.
TEST_F(ProlongedLocks, WhatCannotBeProlongedIsToldAndLockedAnewWhenItIsOver) {
  const storage::LockTerms by_policy{30 * day, 0, storage::LockTerms::Renewal::when_over};
  const auto store = storage::open_locking_memory({clock, by_policy, is_kept_object});
  const auto run = [&](const std::string& directory) {
    return prolong_locks({*store, clock, directory, 1}, TombedPacks());
  };
  base::TemporaryDirectory remembering(scratch_parent());
  ASSERT_EQ(storage::put(*store, "packs/ab/1", {}), storage::PutOutcome::stored);
  const auto until = *store->locks()->locked_until("packs/ab/1");
  EXPECT_EQ(run(remembering.path()).objects, 0U);
  clock.advance_seconds(20 * day);
  ASSERT_EQ(storage::put(*store, "packs/ab/2", {}), storage::PutOutcome::stored);
  for (const auto& directory : {remembering.path(), std::string()}) {
    const auto shortfall = run(directory);
    EXPECT_EQ(shortfall.objects, 1U) << directory;
    EXPECT_EQ(shortfall.first, until);
    EXPECT_EQ(store->locks()->locked_until("packs/ab/1"), until);
  }
  clock.advance_seconds(11 * day);
  EXPECT_EQ(run(remembering.path()).objects, 1U) << "that of the second";
  EXPECT_GE(store->locks()->locked_until("packs/ab/1")->seconds,
            clock.wall_now().seconds + 30 * day);
}

}  // namespace
}  // namespace holdfast::repository
