#include "base/adaptive_concurrency.hpp"

#include "waited_clock.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace holdfast::base {
namespace {

/// Bytes a second with so many streams.
using Line = std::function<double(unsigned streams)>;

class AdaptiveConcurrencyTest : public ::testing::Test {
protected:
  /// Moves a megabyte after the other for so many seconds.
  void run(AdaptiveConcurrency& streams, const Line& line, double seconds) {
    const auto end = clock_.seconds() + seconds;
    while (clock_.seconds() < end) {
      clock_.move_on(1e6 / line(streams.level()));
      streams.ended(1'000'000, clock_.now());
    }
  }
  /// Over which part of so many seconds the level was within `low` and `high`.
  double share_within(AdaptiveConcurrency& streams, const Line& line, unsigned low, unsigned high) {
    double inside = 0;
    constexpr int steps = 200;
    for (int i = 0; i < steps; ++i) {
      run(streams, line, 1);
      if (streams.level() >= low && streams.level() <= high) ++inside;
    }
    return inside / steps;
  }

  WaitedClock clock_;
};

double each_brings(unsigned streams, double rate, unsigned enough) {
  return rate * std::min(streams, enough);
}

TEST_F(AdaptiveConcurrencyTest, GrowsAsLongAsThatBringsMore) {
  AdaptiveConcurrency streams(2, 16);
  run(streams, [](unsigned level) { return each_brings(level, 20e6, 100); }, 5);
  EXPECT_GE(streams.level(), 12U);
}

TEST_F(AdaptiveConcurrencyTest, StaysNearWhatIsEnough) {
  const Line line = [](unsigned level) { return each_brings(level, 20e6, 6); };
  AdaptiveConcurrency streams(2, 32);
  run(streams, line, 10);
  EXPECT_GT(share_within(streams, line, 5, 7), 0.7);
}

TEST_F(AdaptiveConcurrencyTest, OneIsEnoughForALineThatIsFull) {
  const Line line = [](unsigned) { return 10e6; };
  AdaptiveConcurrency streams(1, 16);
  run(streams, line, 10);
  EXPECT_GT(share_within(streams, line, 1, 1), 0.7);
}

TEST_F(AdaptiveConcurrencyTest, GoesBackWhenTheLineGetsWorse) {
  AdaptiveConcurrency streams(1, 16);
  run(streams, [](unsigned level) { return each_brings(level, 10e6, 16); }, 20);
  ASSERT_GE(streams.level(), 12U);
  const Line worse = [](unsigned level) { return 20e6 / (1 + level); };
  run(streams, worse, 120);
  EXPECT_GT(share_within(streams, worse, 1, 4), 0.7);
}

TEST_F(AdaptiveConcurrencyTest, KeepsItsBounds) {
  AdaptiveConcurrency streams(3, 5);
  const Line line = [this](unsigned level) {
    EXPECT_GE(level, 3U);
    EXPECT_LE(level, 5U);
    return clock_.seconds() < 3650 ? each_brings(level, 1e6, 100) : 10e6 / level;
  };
  run(streams, line, 100);
}

}  // namespace
}  // namespace holdfast::base
