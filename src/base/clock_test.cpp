#include "base/clock.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>
#include <limits>

namespace holdfast::base {
namespace {

/// Local time of a named zone until dropped.
class Zone {
public:
  explicit Zone(const char* name) {
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  ~Zone() {
    ::unsetenv("TZ");
    ::tzset();
  }
};

TEST(WallTime, PrintsIso) {
  const WallTime time{1'795'183'509, 5};
  EXPECT_EQ(time.to_iso(), "2026-11-20T14:05:09Z");
  EXPECT_EQ(time.to_iso(WallTime::Precision::exact), "2026-11-20T14:05:09.000000005Z");
  EXPECT_EQ((WallTime{-1, 0}.to_iso()), "1969-12-31T23:59:59Z");
  EXPECT_EQ((WallTime{std::numeric_limits<std::int64_t>::max(), 0}.to_iso()),
            "@9223372036854775807");
}

TEST(ParseTime, ReadsUtcAndOffsets) {
  EXPECT_EQ(parse_time("2026-11-20T14:05:09Z").seconds, 1'795'183'509);
  EXPECT_EQ(parse_time("2026-11-20 22:05:09+08:00").seconds, 1'795'183'509);
  EXPECT_EQ(parse_time("2026-11-20 09:05:09-0500").seconds, 1'795'183'509);
  EXPECT_EQ(parse_time("2026-11-20T14:05Z").seconds, 1'795'183'500);
  EXPECT_EQ(parse_time("2026-11-20T14:05:09.25Z").nanoseconds, 250'000'000U);
}

TEST(ParseTime, IsLocalWithoutOffset) {
  const Zone zone("CST-8");
  EXPECT_EQ(parse_time("2026-11-20 22:05:09").seconds, 1'795'183'509);
  EXPECT_EQ(parse_time("2026-11-20"), parse_time("2026-11-20T00:00:00+08:00"));
  EXPECT_EQ(parse_time("1970-01-01T07:59:59").seconds, -1);
}

TEST(ParseTime, FollowsSummerTime) {
  const Zone zone("CET-1CEST,M3.5.0,M10.5.0/3");
  EXPECT_EQ(parse_time("2026-07-01 12:00"), parse_time("2026-07-01T10:00:00Z"));
  EXPECT_EQ(parse_time("2026-12-01 12:00"), parse_time("2026-12-01T11:00:00Z"));
}

TEST(ParseTime, RefusesWhatIsNoTime) {
  for (const auto* text :
       {"", "now", "2026", "2026-13-01", "2026-02-29", "2026-1-1", "2026-11-20T",
        "2026-11-20 24:00", "2026-11-20 14:60", "2026-11-20 14:05:60", "2026-11-20 14:05x",
        "2026-11-20 14:05:09.", "2026-11-20 14:05+8", "2026-11-20 14:05Z ", "-026-11-20",
        "0000-01-01", "99999999999999999999-01-01", "2026-11-20 14:05:09.1234567890Z"}) {
    try {
      parse_time(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input) << text;
      EXPECT_NE(std::string(error.what()).find("2026-11-20 14:05"), std::string::npos);
    }
  }
}

RC_GTEST_PROP(ParseTime, ReadsWhatWasPrinted, ()) {
  // Years 1 to 9999.
  const WallTime time{*rc::gen::inRange<std::int64_t>(-62'135'596'800, 253'402'300'800),
                      *rc::gen::inRange<std::uint32_t>(0, 1'000'000'000)};
  RC_ASSERT(parse_time(time.to_iso(WallTime::Precision::exact)) == time);
}

TEST(SystemClock, GoesForward) {
  const SystemClock clock;
  const auto before = clock.now();
  EXPECT_GE(clock.now(), before);
  EXPECT_GT(clock.wall_now(), parse_time("2020-01-01T00:00:00Z"));
}

TEST(ManualClock, StandsStillUntilMoved) {
  ManualClock clock({100, 7});
  const auto before = clock.now();
  EXPECT_EQ(clock.now(), before);
  clock.advance_seconds(5);
  EXPECT_EQ(clock.wall_now(), (WallTime{105, 7}));
  EXPECT_DOUBLE_EQ(seconds_between(before, clock.now()), 5.0);
  clock.set_wall({50, 0});
  EXPECT_EQ(clock.wall_now(), (WallTime{50, 0}));
}

}  // namespace
}  // namespace holdfast::base
