#include "repository/holds.hpp"

#include "repository/collection_testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace holdfast::repository {
namespace {

using base::Error;
using base::ErrorKind;
using testing::Contains;
using testing::IsEmpty;
using testing::Not;

constexpr std::int64_t day = 24L * 3600;
constexpr storage::LockTerms terms{30 * day, 8 * day};

class HoldsTest : public ::testing::Test, protected CollectionRepository {
protected:
  HoldsTest() : CollectionRepository(terms) {}

  HeldObjects hold(const base::SnapshotId& id) {
    return hold_snapshot(*repository, id, "audit", {});
  }
  HeldObjects release(const base::SnapshotId& id) { return release_snapshot(*repository, id, {}); }
  std::optional<ErrorKind> failure_of(const std::function<void()>& act) {
    try {
      act();
    } catch (const Error& error) {
      return error.kind();
    }
    return std::nullopt;
  }
  std::string hold_shown_of(const base::SnapshotId& id) {
    auto snapshots = repository->snapshots().list();
    note_holds(*repository, snapshots);
    return std::ranges::find(snapshots, id, &Snapshot::id)->hold;
  }
  std::set<std::string> packs() {
    const auto found = names("packs/");
    return {found.begin(), found.end()};
  }
  /// When all locks ended somebody deletes everything: what the store keeps nevertheless.
  std::set<std::string> left_by_a_thief() {
    clock.advance_seconds(400 * day);
    std::set<std::string> left;
    for (const auto& name : names("")) {
      if (memory->remove(name) == storage::RemoveOutcome::held) left.insert(name);
    }
    return left;
  }
};

TEST_F(HoldsTest, AHeldSnapshotIsNotForgotten) {
  const auto first = back_up(*repository, "a", files({1, 2}));
  EXPECT_EQ(hold_shown_of(first), "");
  EXPECT_TRUE(hold(first).enforced);
  EXPECT_EQ(hold_shown_of(first), "audit");
  const auto forget_it = [&] { repository->snapshots().forget({first}, clock.wall_now(), "test"); };
  EXPECT_EQ(failure_of(forget_it), ErrorKind::conflict);
  release(first);
  EXPECT_EQ(hold_shown_of(first), "");
  EXPECT_EQ(failure_of([&] { release(first); }), ErrorKind::not_found);
  EXPECT_EQ(failure_of(forget_it), std::nullopt);
  EXPECT_EQ(failure_of([&] { hold(first); }), ErrorKind::conflict);
  EXPECT_THAT(names("holds/"), IsEmpty());
}

TEST_F(HoldsTest, TheStoreKeepsWhatIsNeededAndNothingElse) {
  const auto held = back_up(*repository, "a", files({1, 2}));
  const auto needed = packs();
  const auto other = back_up(*repository, "b", files({5, 6, 7}));
  const auto count = hold(held).count;
  EXPECT_EQ(count, needed.size() + names("").size() - packs().size() - names("checks/").size() - 2)
      << "all but packs of the other one, its record and the hold";
  const auto left = left_by_a_thief();
  for (const auto& name : needed)
    EXPECT_THAT(left, Contains(name));
  EXPECT_EQ(
      std::ranges::count_if(left, [](const auto& name) { return name.starts_with("packs/"); }),
      static_cast<std::ptrdiff_t>(needed.size()));
  EXPECT_THAT(left, Contains("format"));
  EXPECT_THAT(left, Contains("snapshots/" + held.hex()));
  EXPECT_THAT(left, Not(Contains("snapshots/" + other.hex())));
}

TEST_F(HoldsTest, WhatAnotherHeldSnapshotNeedsStaysHeld) {
  const auto first = back_up(*repository, "a", files({1, 2}));
  const auto of_first = packs();
  const auto second = back_up(*repository, "a", files({2, 3}));
  hold(first);
  hold(second);
  release(first);
  const auto left = left_by_a_thief();
  std::size_t shared = 0;
  for (const auto& name : of_first)
    shared += left.contains(name) ? 1 : 0;
  EXPECT_GT(shared, 0U) << "file 2 is in it";
  EXPECT_LT(shared, of_first.size()) << "the trees of the first are not needed";
  EXPECT_THAT(left, Contains("snapshots/" + second.hex()));
  EXPECT_THAT(left, Not(Contains("snapshots/" + first.hex())));
}

TEST_F(HoldsTest, NothingIsLeftWhenNothingIsHeld) {
  const auto first = back_up(*repository, "a", files({1, 2}));
  hold(first);
  release(first);
  EXPECT_THAT(left_by_a_thief(), IsEmpty());
}

TEST_F(HoldsTest, WhatAPruneWritesAnewIsHeldToo) {
  const auto first = back_up(*repository, "a", files({1, 2, 3, 4, 5}));
  const auto second = back_up(*repository, "a", files({5}));
  const auto before = packs();
  hold(second);
  forget(*repository, first);
  clock.advance_seconds(400 * day);
  while (!prune(*repository).finished()) {}
  std::set<std::string> fresh;
  for (const auto& name : packs()) {
    if (!before.contains(name)) fresh.insert(name);
  }
  EXPECT_THAT(fresh, Not(IsEmpty()));
  const auto left = left_by_a_thief();
  for (const auto& name : fresh)
    EXPECT_THAT(left, Contains(name));
}

TEST_F(HoldsTest, ADamagedHoldHolds) {
  const auto first = back_up(*repository, "a", files({1}));
  hold(first);
  flip("holds/" + first.hex(), 50);
  EXPECT_EQ(hold_shown_of(first), "for a reason that cannot be read");
  EXPECT_EQ(failure_of([&] { repository->snapshots().forget({first}, clock.wall_now(), "test"); }),
            ErrorKind::conflict);
  release(first);
  EXPECT_EQ(hold_shown_of(first), "");
}

TEST_F(HoldsTest, WithoutLocksOnlyForgetIsKeptFromIt) {
  CollectionRepository plain;
  const auto first = plain.back_up(*plain.repository, "a", files({1}));
  EXPECT_FALSE(hold_snapshot(*plain.repository, first, "audit", {}).enforced);
  EXPECT_EQ(failure_of([&] {
              plain.repository->snapshots().forget({first}, plain.clock.wall_now(), "test");
            }),
            ErrorKind::conflict);
}

}  // namespace
}  // namespace holdfast::repository
