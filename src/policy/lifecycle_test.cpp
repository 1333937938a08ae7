#include "policy/lifecycle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace holdfast::policy {
namespace {

using Reason = LifecycleReason;

constexpr std::int64_t day = 24 * 3600;
const base::WallTime now{1'800'000'000, 0};
const PriceList prices = built_in_prices("oss");
const std::vector<LifecycleRule> rules = {{30 * day, "IA"}, {90 * day, "Archive"}};

TieredPack pack(std::int64_t days, const std::string& storage_class = "Standard") {
  TieredPack made;
  made.size = 1000;
  made.storage_class = storage_class;
  made.since = base::WallTime{now.seconds - days * day, 0};
  return made;
}

LifecycleChoice choose(const TieredPack& pack, std::string_view class_of_new = "") {
  return plan_lifecycle(rules, {&pack, 1}, prices, class_of_new, now).front();
}

TEST(Lifecycle, APackGoesWhereTheLastRuleThatIsDueSays) {
  EXPECT_EQ(choose(pack(29)).reason, Reason::young);
  EXPECT_EQ(choose(pack(30)).to, "IA");
  EXPECT_EQ(choose(pack(89)).to, "IA");
  EXPECT_EQ(choose(pack(90)).to, "Archive");
}

TEST(Lifecycle, APackGoesToAnotherStoreFromAnyClass) {
  const std::vector<LifecycleRule> away = {{30 * day, "IA"}, {90 * day, "", "far"}};
  const auto go = [&](const TieredPack& one) {
    return plan_lifecycle(away, {&one, 1}, prices, "", now).front();
  };
  EXPECT_EQ(go(pack(30)).to, "IA");
  EXPECT_EQ(go(pack(89, "")).to, "IA");
  for (const auto& old : {pack(90), pack(90, ""), pack(60, "IA")}) {
    EXPECT_EQ(go(old).reason, Reason::due);
    EXPECT_EQ(go(old).store, "far");
  }
}

TEST(Lifecycle, OfAPackThatWasMovedTheTimeBeforeCounts) {
  // It came to IA after 30 days or more.
  EXPECT_EQ(choose(pack(59, "IA")).reason, Reason::there);
  EXPECT_EQ(choose(pack(60, "IA")).to, "Archive");
  // New packs begin there: it did not.
  EXPECT_EQ(choose(pack(60, "IA"), "IA").reason, Reason::there);
  EXPECT_EQ(choose(pack(90, "IA"), "IA").to, "Archive");
}

TEST(Lifecycle, NothingComesBackAndNothingIsThawed) {
  auto archived = pack(1000, "Archive");
  archived.is_archived = true;
  EXPECT_EQ(choose(archived).reason, Reason::there);
  archived.storage_class = "ColdArchive";
  EXPECT_EQ(choose(archived).reason, Reason::archived);
}

TEST(Lifecycle, WhatThePruneTakesStays) {
  auto dead = pack(100);
  dead.is_leaving = true;
  EXPECT_EQ(choose(dead).reason, Reason::leaving);
}

TEST(Lifecycle, WhatTheNewestNeedStays) {
  auto needed = pack(100);
  needed.is_newest = true;
  EXPECT_EQ(choose(needed).reason, Reason::newest);
}

TEST(Lifecycle, MinimumTimesAreServed) {
  const std::vector<LifecycleRule> hasty = {{day, "IA"}, {10 * day, "Archive"}};
  const auto of = [&](const TieredPack& one) {
    return plan_lifecycle(hasty, {&one, 1}, prices, "", now).front();
  };
  EXPECT_EQ(of(pack(29, "IA")).reason, Reason::minimum_time);
  EXPECT_EQ(of(pack(30, "IA")).to, "Archive");
}

TEST(Lifecycle, WithoutATimeNothingIsMoved) {
  auto unknown = pack(100);
  unknown.since.reset();
  EXPECT_EQ(choose(unknown).reason, Reason::unknown_age);
}

TEST(Lifecycle, RulesThatCannotBeObeyedAreMistakes) {
  const auto mistake = [](const std::vector<LifecycleRule>& wrong) {
    return mistake_in(wrong, prices).value_or("");
  };
  EXPECT_FALSE(mistake_in(rules, prices));
  EXPECT_THAT(mistake({{30, "IA"}, {30, "Archive"}}), testing::HasSubstr("later"));
  EXPECT_THAT(mistake({{30, "IA"}, {40, "IA"}}), testing::HasSubstr("two rules"));
  EXPECT_THAT(mistake({{30, "Archive"}, {40, "ColdArchive"}}), testing::HasSubstr("thawed"));
}

RC_GTEST_PROP(Lifecycle, NoPackGoesBeforeItsTimeNorTwice, ()) {
  auto one = pack(*rc::gen::inRange(0, 400));
  one.storage_class = *rc::gen::element<std::string>("Standard", "IA", "Archive");
  one.is_archived = one.storage_class == "Archive";
  one.is_leaving = *rc::gen::arbitrary<bool>();
  const auto choice = choose(one);
  if (choice.reason != Reason::due) {
    RC_ASSERT(choice.to.empty());
    return;
  }
  RC_ASSERT(!one.is_leaving && !one.is_archived && choice.to != one.storage_class);
  auto moved = one;
  moved.storage_class = choice.to;
  moved.since = now;
  moved.is_archived = choice.to == "Archive";
  RC_ASSERT(choose(moved).reason != Reason::due);
}

}  // namespace
}  // namespace holdfast::policy
