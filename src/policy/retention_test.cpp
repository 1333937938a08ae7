#include "policy/retention.hpp"

#include "calendar.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace holdfast::policy {
namespace {

constexpr std::int64_t day = 24 * 3600;
constexpr base::WallTime start{1'700'000'000, 0};

const UtcOffset utc = [](base::WallTime) { return std::int64_t{0}; };

base::WallTime after(std::int64_t seconds) { return {start.seconds + seconds, 0}; }

std::vector<Point> points_every(std::int64_t seconds, std::size_t count) {
  std::vector<Point> points(count);
  for (std::size_t i = 0; i < count; ++i) {
    points[i].time = after(seconds * static_cast<std::int64_t>(i));
  }
  return points;
}

std::vector<std::size_t> kept(const std::vector<Decision>& decisions) {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    if (decisions[i].keep()) indices.push_back(i);
  }
  return indices;
}

std::vector<std::size_t> kept(const std::vector<Point>& points, const KeepRules& rules,
                              base::WallTime now) {
  return kept(plan_retention(points, rules, now, utc));
}

using Indices = std::vector<std::size_t>;

TEST(Retention, LastKeepsTheNewest) {
  const auto points = points_every(day, 5);
  EXPECT_EQ(kept(points, {.last = 2}, after(5 * day)), (Indices{3, 4}));
}

TEST(Retention, DailyKeepsTheNewestOfEachDay) {
  const auto points = points_every(day / 4, 12);  // start is 22:13 UTC
  EXPECT_EQ(kept(points, {.daily = 2}, after(4 * day)), (Indices{8, 11}));
}

TEST(Retention, LocalTimeDecidesWhatADayIs) {
  const auto points = points_every(3600, 4);  // 22:13, 23:13, 00:13, 01:13 in UTC
  const UtcOffset shanghai = [](base::WallTime) { return std::int64_t{8 * 3600}; };
  const KeepRules rules{.daily = 9};
  EXPECT_EQ(kept(plan_retention(points, rules, after(day), utc)), (Indices{1, 3}));
  EXPECT_EQ(kept(plan_retention(points, rules, after(day), shanghai)), (Indices{3}));
}

TEST(Retention, AgesOfKindsCountFromTheNewestPoint) {
  auto points = points_every(day, 10);
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i].kind = i % 5 == 0 ? PointKind::full : PointKind::incremental;
  }
  const KeepRules rules{.full = 5 * day, .incremental = day};
  // Point 0 is nine days older than the newest. Years without a backup change nothing.
  EXPECT_EQ(kept(points, rules, after(10 * day)), (Indices{5, 8, 9}));
  EXPECT_EQ(kept(points, rules, after(4000 * day)), (Indices{5, 8, 9}));
}

TEST(Retention, FutureDatesCountForNothing) {
  auto points = points_every(day, 4);
  points[3].time = after(9000 * day);
  EXPECT_EQ(kept(points, {.last = 1}, after(4 * day)), (Indices{2, 3}));
}

TEST(Retention, ClockSetBackKeepsEverythingDatedAfterIt) {
  const auto points = points_every(day, 4);
  EXPECT_EQ(kept(points, {.last = 1}, after(-100 * day)), (Indices{0, 1, 2, 3}));
}

TEST(Retention, NewestRecordThatLooksOldStays) {
  auto points = points_every(day, 4);
  points[0].newest_misdated = true;
  EXPECT_EQ(kept(points, {.last = 1}, after(4 * day)), (Indices{0, 3}));
}

TEST(Retention, WholePointStandsForItsDayBeforeALaterPartialOne) {
  auto points = points_every(60, 3);
  points[2].partial = true;
  EXPECT_EQ(kept(points, {.daily = 1}, after(day)), (Indices{1}));
  EXPECT_EQ(kept(points, {.last = 1}, after(day)), (Indices{1, 2}));
}

TEST(Retention, SafetyPointsTakeNoPlaceAndStayAWeek) {
  auto points = points_every(day, 12);
  points[1].kind = PointKind::safety;
  points[10].kind = PointKind::safety;
  EXPECT_EQ(kept(points, {.last = 2}, after(12 * day)), (Indices{9, 10, 11}));
}

TEST(Retention, HeldLockedAndTaggedPointsStay) {
  auto points = points_every(day, 6);
  points[0].held = true;
  points[1].locked_until = after(1000 * day);
  points[2].locked_until = after(day);
  points[3].tags = {"release"};
  EXPECT_EQ(kept(points, {.last = 1, .tags = {"release"}}, after(6 * day)), (Indices{0, 1, 3, 5}));
}

TEST(Retention, EmptyRulesAreRecognised) {
  EXPECT_TRUE(KeepRules{}.empty());
  EXPECT_FALSE(KeepRules{.yearly = 1}.empty());
  EXPECT_FALSE(KeepRules{.within = 0}.empty());
}

TEST(Calendar, KnownDates) {
  EXPECT_EQ(period_number(Period::month, 0), 1970 * 12 + 1);
  EXPECT_EQ(period_number(Period::year, -1), 1969);
  EXPECT_EQ(period_number(Period::week, 3 * day), 0);                   // Sunday
  EXPECT_EQ(period_number(Period::week, 4 * day), 1);                   // Monday
  EXPECT_EQ(period_number(Period::month, 951'782'400), 2000 * 12 + 2);  // 2000-02-29
}

// ---- properties ----

std::vector<Point> any_points() {
  const auto point = rc::gen::build<Point>(
      rc::gen::set(&Point::kind, rc::gen::element(PointKind::full, PointKind::incremental,
                                                  PointKind::realtime, PointKind::safety)),
      rc::gen::set(&Point::time,
                   rc::gen::map(rc::gen::inRange<std::int64_t>(-400 * day, 400 * day), after)),
      rc::gen::set(&Point::partial, rc::gen::weightedElement<bool>({{4, false}, {1, true}})),
      rc::gen::set(&Point::held, rc::gen::weightedElement<bool>({{9, false}, {1, true}})));
  return *rc::gen::container<std::vector<Point>>(point);
}

KeepRules any_rules() {
  const auto count = rc::gen::inRange<std::uint32_t>(0, 6);
  const auto age = rc::gen::maybe(rc::gen::inRange<std::int64_t>(0, 300 * day));
  const auto seconds = [&]() -> std::optional<std::int64_t> {
    const auto value = *age;
    return value ? std::optional(*value) : std::nullopt;
  };
  return {.last = *count,
          .hourly = *count,
          .daily = *count,
          .weekly = *count,
          .monthly = *count,
          .yearly = *count,
          .within = seconds(),
          .full = seconds(),
          .incremental = seconds(),
          .realtime = seconds(),
          .safety = seconds()};
}

RC_GTEST_PROP(RetentionProperty, HeldAndFutureAndNewestWholeStay, ()) {
  const auto points = any_points();
  const auto decisions = plan_retention(points, any_rules(), start, utc);
  const Point* newest = nullptr;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Point& point = points[i];
    const bool future = point.time > after(clock_tolerance_seconds);
    if (point.held || future) RC_ASSERT(decisions[i].keep());
    if (future || point.partial || point.kind == PointKind::safety) continue;
    if (newest == nullptr || point.time > newest->time) newest = &point;
  }
  if (newest != nullptr) {
    RC_ASSERT(decisions[static_cast<std::size_t>(newest - points.data())].keep());
  }
}

RC_GTEST_PROP(RetentionProperty, MoreGenerousRulesKeepASuperset, ()) {
  const auto points = any_points();
  const auto rules = any_rules();
  auto generous = rules;
  const auto more = *rc::gen::inRange<std::uint32_t>(0, 5);
  for (auto* count : {&generous.last, &generous.hourly, &generous.daily, &generous.weekly,
                      &generous.monthly, &generous.yearly}) {
    *count += more;
  }
  for (auto* age : {&generous.within, &generous.full, &generous.incremental, &generous.realtime}) {
    if (*age) **age += day * more;
  }
  const auto less = plan_retention(points, rules, start, utc);
  const auto greater = plan_retention(points, generous, start, utc);
  for (std::size_t i = 0; i < points.size(); ++i)
    RC_ASSERT(!less[i].keep() || greater[i].keep());
}

RC_GTEST_PROP(RetentionProperty, CountsKeepThatManyPeriods, ()) {
  const auto points = any_points();
  const auto count = *rc::gen::inRange<std::uint32_t>(1, 20);
  const auto decisions = plan_retention(points, {.daily = count}, start, utc);
  std::set<std::int64_t> all, covered;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Point& point = points[i];
    if (point.time > after(clock_tolerance_seconds) || point.kind == PointKind::safety) continue;
    const auto number = period_number(Period::day, point.time.seconds);
    all.insert(number);
    if (decisions[i].keep()) covered.insert(number);
  }
  // The newest `count` days that have a point are all covered.
  std::uint32_t seen = 0;
  for (auto number = all.rbegin(); number != all.rend() && seen < count; ++number, ++seen) {
    RC_ASSERT(covered.contains(*number));
  }
}

RC_GTEST_PROP(RetentionProperty, ApplyingTwiceChangesNothing, ()) {
  const auto points = any_points();
  const auto rules = any_rules();
  const auto first = plan_retention(points, rules, start, utc);
  std::vector<Point> left;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (first[i].keep()) left.push_back(points[i]);
  }
  for (const auto& decision : plan_retention(left, rules, start, utc))
    RC_ASSERT(decision.keep());
}

RC_GTEST_PROP(RetentionProperty, OrderOfPointsDoesNotMatter, ()) {
  auto points = any_points();
  // Equal times may swap; make them different.
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i].time.nanoseconds = static_cast<std::uint32_t>(i);
  }
  const auto rules = any_rules();
  const auto forward = plan_retention(points, rules, start, utc);
  std::ranges::reverse(points);
  auto backward = plan_retention(points, rules, start, utc);
  std::ranges::reverse(backward);
  for (std::size_t i = 0; i < points.size(); ++i) {
    RC_ASSERT(forward[i].reasons == backward[i].reasons);
  }
}

}  // namespace
}  // namespace holdfast::policy
