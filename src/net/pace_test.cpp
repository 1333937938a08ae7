#include "pace.hpp"

#include "base/waited_clock.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>

namespace holdfast::net {
namespace {

constexpr std::size_t rate = 1'000'000;

class PaceTest : public ::testing::Test {
protected:
  /// Moves `size` bytes in each of `count` transfers at the same time; the seconds that takes.
  double move_together(std::size_t count, std::size_t size) {
    const auto begin = clock_.seconds();
    struct Moving {
      Pace pace;
      std::size_t left;
    };
    std::list<Moving> all;
    for (std::size_t i = 0; i < count; ++i)
      all.push_back({Pace(limiter_, clock_), size});
    while (!all.empty()) {
      const auto next =
          std::ranges::min_element(all, {}, [](const Moving& one) { return one.pace.resume_at(); });
      clock_.wait_until(next->pace.resume_at());
      const auto part = next->pace.may_move(next->left);
      if (part == 0) continue;
      largest_ = std::max(largest_, part);
      next->pace.moved(part);
      next->left -= part;
      if (next->left == 0) all.erase(next);
    }
    return clock_.seconds() - begin;
  }

  base::WaitedClock clock_;
  const std::shared_ptr<base::RateLimiter> limiter_ = std::make_shared<base::RateLimiter>(
      [] { return std::optional<std::uint64_t>(rate); }, clock_);
  std::size_t largest_ = 0;
};

TEST_F(PaceTest, OneTransferTakesItsTimeInSmallPieces) {
  EXPECT_NEAR(move_together(1, 10 * rate), 10, 0.4);
  EXPECT_LE(largest_, rate / 8);
}

TEST_F(PaceTest, TransfersShareTheRate) {
  // Nobody waits after the last piece.
  EXPECT_NEAR(move_together(5, 2 * rate), 10, 0.9);
  EXPECT_LE(largest_, rate / 8);
}

TEST_F(PaceTest, ManySmallTransfersAreNoWayAround) {
  const auto begin = clock_.seconds();
  for (int i = 0; i < 100; ++i)
    move_together(10, rate / 100);
  EXPECT_NEAR(clock_.seconds() - begin, 10, 0.4);
}

TEST_F(PaceTest, WhatWasWaitedForIsCountedOnce) {
  Pace pace(limiter_, clock_);
  ASSERT_GT(pace.may_move(1), 0U);
  pace.moved(2 * rate);
  EXPECT_EQ(pace.may_move(1), 0U);
  clock_.move_on(1);
  EXPECT_EQ(pace.may_move(1), 0U);
  EXPECT_NEAR(pace.waited_seconds(), 1.75, 0.01) << "a quarter of a second may be caught up";
}

TEST_F(PaceTest, WithoutALimitAllMovesAtOnce) {
  Pace pace(nullptr, clock_);
  pace.moved(1UL << 40);
  EXPECT_EQ(pace.may_move(1UL << 30), 1UL << 30);
}

}  // namespace
}  // namespace holdfast::net
