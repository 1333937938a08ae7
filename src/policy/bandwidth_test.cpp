#include "policy/bandwidth.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace holdfast::policy {
namespace {

/// On Monday, 5 January 1970, and the days after it.
std::int64_t at(int weekday, int hour, int minute = 0) {
  return (4 + weekday) * 86'400LL + hour * 3600LL + minute * 60LL;
}

constexpr std::uint8_t weekdays = 0x1f;

TEST(Bandwidth, WithoutAWordThereIsNoLimit) {
  EXPECT_EQ(rate_at({}, Direction::up, at(0, 12)), std::nullopt);
  EXPECT_EQ(rate_at({{.up = 0}, {}}, Direction::up, at(0, 12)), std::nullopt);
}

TEST(Bandwidth, EachDirectionHasItsOwn) {
  const BandwidthLimits limits{{.up = 10, .down = 20}, {}};
  EXPECT_EQ(rate_at(limits, Direction::up, at(0, 12)), 10U);
  EXPECT_EQ(rate_at(limits, Direction::down, at(0, 12)), 20U);
}

TEST(Bandwidth, AWindowHoldsOnItsDaysBetweenItsTimes) {
  const BandwidthLimits limits{{.up = 10}, {{8 * 60, 20 * 60, weekdays, {.up = 1}}}};
  EXPECT_EQ(rate_at(limits, Direction::up, at(0, 7, 59)), 10U);
  EXPECT_EQ(rate_at(limits, Direction::up, at(0, 8)), 1U);
  EXPECT_EQ(rate_at(limits, Direction::up, at(4, 19, 59)), 1U);
  EXPECT_EQ(rate_at(limits, Direction::up, at(4, 20)), 10U);
  EXPECT_EQ(rate_at(limits, Direction::up, at(5, 12)), 10U);
  EXPECT_EQ(rate_at(limits, Direction::up, at(6, 12)), 10U);
  EXPECT_EQ(rate_at(limits, Direction::up, at(7, 12)), 1U) << "the next Monday";
  EXPECT_EQ(rate_at(limits, Direction::up, at(-3, 12)), 1U) << "a Friday before it";
  EXPECT_EQ(rate_at(limits, Direction::up, at(-7, 12)), 1U) << "a Monday before 1970";
}

TEST(Bandwidth, AWindowThatPassesMidnightBelongsToTheDayOnWhichItBegins) {
  const BandwidthLimits limits{{.up = 10}, {{22 * 60, 6 * 60, weekdays, {.up = 0}}}};
  EXPECT_EQ(rate_at(limits, Direction::up, at(0, 5)), 10U) << "Sunday's night";
  EXPECT_EQ(rate_at(limits, Direction::up, at(0, 22)), std::nullopt);
  EXPECT_EQ(rate_at(limits, Direction::up, at(4, 23)), std::nullopt);
  EXPECT_EQ(rate_at(limits, Direction::up, at(5, 5, 59)), std::nullopt) << "Friday's night";
  EXPECT_EQ(rate_at(limits, Direction::up, at(5, 6)), 10U);
  EXPECT_EQ(rate_at(limits, Direction::up, at(5, 22)), 10U);
}

TEST(Bandwidth, TheFirstOpenWindowThatSaysSomethingCounts) {
  const BandwidthLimits limits{{.up = 10, .down = 20},
                               {{8 * 60, 20 * 60, every_day, {.down = 2}},
                                {12 * 60, 13 * 60, every_day, {.up = 3, .down = 4}}}};
  EXPECT_EQ(rate_at(limits, Direction::up, at(0, 9)), 10U);
  EXPECT_EQ(rate_at(limits, Direction::up, at(0, 12)), 3U);
  EXPECT_EQ(rate_at(limits, Direction::down, at(0, 12)), 2U);
}

RC_GTEST_PROP(Bandwidth, AWindowAndItsRestMakeTheWholeWeek, ()) {
  const auto from = *rc::gen::inRange<std::uint32_t>(0, minutes_a_day);
  const auto to = *rc::gen::inRange<std::uint32_t>(0, minutes_a_day);
  RC_PRE(from != to);
  const BandwidthLimits there{{}, {{from, to, every_day, {.up = 1}}}};
  const BandwidthLimits back{{}, {{to, from, every_day, {.up = 1}}}};
  const auto time = *rc::gen::inRange<std::int64_t>(-1'000'000'000, 4'000'000'000);
  RC_ASSERT(rate_at(there, Direction::up, time).has_value() !=
            rate_at(back, Direction::up, time).has_value());
}

}  // namespace
}  // namespace holdfast::policy
