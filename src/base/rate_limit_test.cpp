#include "base/rate_limit.hpp"

#include "waited_clock.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace holdfast::base {
namespace {

class RateLimitTest : public ::testing::Test {
protected:
  std::shared_ptr<RateLimiter> limiter(Rate rate, std::shared_ptr<RateLimiter> wider = nullptr) {
    return std::make_shared<RateLimiter>(std::move(rate), clock_, std::move(wider));
  }
  static Rate always(std::uint64_t bytes) {
    return [bytes] { return std::optional(bytes); };
  }
  /// As somebody who has them all and waits for each piece.
  void pass(RateLimiter& limiter, std::uint64_t bytes) {
    while (bytes > 0) {
      const auto piece = std::min<std::uint64_t>(bytes, limiter.piece());
      clock_.wait_until(limiter.book(piece));
      bytes -= piece;
    }
  }

  WaitedClock clock_;
};

TEST_F(RateLimitTest, SoManyBytesTakeSoManySeconds) {
  const auto limit = limiter(always(1'000'000));
  pass(*limit, 10'000'000);
  EXPECT_NEAR(clock_.seconds(), 10, 0.3);
}

TEST_F(RateLimitTest, APieceIsAnEighthOfASecond) {
  EXPECT_EQ(limiter(always(8'000'000))->piece(), 1'000'000U);
  EXPECT_EQ(limiter(always(8'000'000), limiter(always(80'000)))->piece(), 10'000U);
  const auto free = limiter([] { return std::optional<std::uint64_t>(); });
  EXPECT_EQ(free->piece(), std::numeric_limits<std::size_t>::max());
}

TEST_F(RateLimitTest, NothingIsSavedUpWhileNobodySends) {
  const auto limit = limiter(always(1'000'000));
  pass(*limit, 1'000'000);
  clock_.move_on(100);
  const auto begin = clock_.seconds();
  pass(*limit, 5'000'000);
  EXPECT_NEAR(clock_.seconds() - begin, 5, 0.3);
}

TEST_F(RateLimitTest, WhoWakesUpLateDoesNotFallBehind) {
  const auto limit = limiter(always(1'000'000));
  const auto begin = clock_.seconds();
  for (int piece = 0; piece < 80; ++piece) {
    clock_.wait_until(limit->book(125'000));
    clock_.move_on(0.02);
  }
  EXPECT_NEAR(clock_.seconds() - begin, 10, 0.3);
}

TEST_F(RateLimitTest, ARateThatChangesCountsForTheNextPiece) {
  std::optional<std::uint64_t> rate = 100'000;
  const auto limit = limiter([&] {
    if (clock_.seconds() >= 10) rate = 10'000'000;
    return rate;
  });
  pass(*limit, 11'000'000);  // a million in ten seconds, ten millions in one
  EXPECT_NEAR(clock_.seconds(), 11, 0.6);
  rate.reset();
  const auto free = limiter([] { return std::optional<std::uint64_t>(); });
  const auto begin = clock_.seconds();
  pass(*free, 1'000'000'000);
  EXPECT_EQ(clock_.seconds(), begin);
}

TEST_F(RateLimitTest, WhatPassesTheNarrowOnePassesTheWiderToo) {
  const auto wider = limiter(always(1'000'000));
  const auto narrow = limiter(always(500'000), wider);
  pass(*narrow, 5'000'000);
  EXPECT_NEAR(clock_.seconds(), 10, 0.4);
  // Of the wider one half is left for others, at the same time.
  const auto begin = clock_.seconds();
  for (int piece = 0; piece < 80; ++piece) {
    const auto narrow_until = narrow->book(62'500);
    const auto wider_until = wider->book(62'500);
    clock_.wait_until(std::max(narrow_until, wider_until));
  }
  EXPECT_NEAR(clock_.seconds() - begin, 10, 0.4);
}

RC_GTEST_FIXTURE_PROP(RateLimitTest, NoSecondLetsMorePassThanItMay, ()) {
  const auto limit = limiter(always(1'000'000));
  std::vector<std::pair<double, std::uint64_t>> passed;
  const auto steps = *rc::gen::container<std::vector<std::pair<unsigned, unsigned>>>(
      rc::gen::pair(rc::gen::inRange(0U, 400'000U), rc::gen::inRange(0U, 3000U)));
  for (const auto& [bytes, idle_ms] : steps) {
    clock_.move_on(idle_ms / 1000.0);
    clock_.wait_until(limit->book(bytes));
    passed.emplace_back(clock_.seconds(), bytes);
  }
  for (std::size_t from = 0; from < passed.size(); ++from) {
    std::uint64_t sum = 0;
    for (auto to = from + 1; to < passed.size(); ++to) {
      sum += passed[to].second;
      const auto seconds = passed[to].first - passed[from].first;
      RC_ASSERT(static_cast<double>(sum) <= 1e6 * (seconds + 0.2501) + 1);
    }
  }
}

}  // namespace
}  // namespace holdfast::base
