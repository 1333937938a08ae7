#include "commands/forget_plan.hpp"

#include "base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t start = 1'700'000'000;
const policy::UtcOffset utc = [](base::WallTime) { return std::int64_t{0}; };

repository::Snapshot snapshot_of(const std::string& site, std::int64_t hour,
                                 std::uint64_t sequence) {
  repository::Snapshot snapshot;
  snapshot.site = site;
  snapshot.started = {start + hour * 3600, 0};
  snapshot.sequence = sequence;
  snapshot.id.mutable_view()[0] = static_cast<std::byte>(sequence);
  return snapshot;
}

std::vector<std::uint64_t> removed(const std::vector<ForgetRow>& rows) {
  std::vector<std::uint64_t> sequences;
  for (const auto& row : rows) {
    if (!row.keep()) sequences.push_back(row.snapshot->sequence);
  }
  return sequences;
}

const base::WallTime now{start + 1000 * 3600, 0};

TEST(ForgetPlan, SitesDoNotTakeEachOthersPlaces) {
  const std::vector snapshots{snapshot_of("a", 1, 1), snapshot_of("b", 2, 2),
                              snapshot_of("a", 3, 3), snapshot_of("c", 4, 4)};
  const policy::KeepRules last{.last = 1};
  const auto rules = [&](const std::string& site) { return site == "c" ? nullptr : &last; };
  const auto rows = plan_by_rules(snapshots, rules, now, utc);
  EXPECT_THAT(removed(rows), ElementsAre(1));
  EXPECT_THAT(rows[3].reasons, ElementsAre("no rule for this site"));
}

TEST(ForgetPlan, TheLastRecordOfAWriterWhoseClockWasSetBackStays) {
  const std::vector snapshots{snapshot_of("a", -5000, 3), snapshot_of("a", 1, 1),
                              snapshot_of("a", 2, 2)};
  const policy::KeepRules last{.last = 1};
  const auto rows = plan_by_rules(snapshots, [&](const auto&) { return &last; }, now, utc);
  EXPECT_THAT(removed(rows), ElementsAre(1));
}

TEST(ForgetPlan, HeldAndLockedOnesAreNotRemovedByName) {
  std::vector snapshots{snapshot_of("a", 1, 1), snapshot_of("a", 2, 2), snapshot_of("a", 3, 3)};
  snapshots[0].hold = "court order";
  snapshots[1].locked_until = base::WallTime{now.seconds + 1, 0};
  EXPECT_THROW(plan_by_choice(snapshots, {&snapshots[0]}, now), base::Error);
  EXPECT_THROW(plan_by_choice(snapshots, {&snapshots[1]}, now), base::Error);
  EXPECT_THAT(removed(plan_by_choice(snapshots, {&snapshots[2]}, now)), ElementsAre(3));
}

TEST(ForgetPlan, NamesSitesThatWouldLoseEverything) {
  const std::vector snapshots{snapshot_of("a", 1, 1), snapshot_of("b", 2, 2)};
  const auto rows = plan_by_choice(snapshots, {&snapshots[1]}, now);
  EXPECT_THAT(emptied_sites(rows), ElementsAre("b"));
  EXPECT_THAT(emptied_sites(plan_by_choice(snapshots, {}, now)), IsEmpty());
}

}  // namespace
}  // namespace holdfast::cli
