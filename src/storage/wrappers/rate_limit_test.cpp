#include "storage/wrappers/rate_limit.hpp"

#include "base/random.hpp"
#include "storage/memory/memory_backend.hpp"

#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

/// A clock that sleeping moves, to the nanosecond.
class SleptClock final : public base::Clock {
public:
  base::WallTime wall_now() const override {
    return {1'700'000'000 + now_.nanoseconds / second, 0};
  }
  base::Instant now() const override { return now_; }
  void move_on(double seconds) {
    now_.nanoseconds += static_cast<std::int64_t>(seconds * static_cast<double>(second));
  }
  double seconds() const { return static_cast<double>(now_.nanoseconds) / second; }

private:
  static constexpr std::int64_t second = 1'000'000'000;
  base::Instant now_{};
};

class RateLimitTest : public ::testing::Test {
protected:
  std::shared_ptr<RateLimiter> limiter(Rate rate) {
    return std::make_shared<RateLimiter>(std::move(rate), clock_,
                                         [this](double seconds) { clock_.move_on(seconds); });
  }
  static Rate always(std::uint64_t bytes) {
    return [bytes] { return std::optional(bytes); };
  }

  SleptClock clock_;
};

TEST_F(RateLimitTest, SoManyBytesTakeSoManySeconds) {
  const auto limit = limiter(always(1'000'000));
  for (int i = 0; i < 100; ++i)
    limit->pass(100'000);
  EXPECT_NEAR(clock_.seconds(), 10, 0.01);
}

TEST_F(RateLimitTest, NothingIsSavedUpWhileNobodySends) {
  const auto limit = limiter(always(1'000'000));
  limit->pass(1'000'000);
  clock_.move_on(100);
  const auto begin = clock_.seconds();
  limit->pass(5'000'000);
  EXPECT_NEAR(clock_.seconds() - begin, 5, 0.01);
}

TEST_F(RateLimitTest, ARateThatChangesCountsAtOnceAlsoForWhatIsUnderWay) {
  std::optional<std::uint64_t> rate = 100'000;
  const auto limit = limiter([&] {
    if (clock_.seconds() >= 10) rate = 10'000'000;
    return rate;
  });
  limit->pass(11'000'000);  // a million in ten seconds, ten millions in one
  EXPECT_NEAR(clock_.seconds(), 11, 0.6);
  rate.reset();
  const auto free = limiter([] { return std::optional<std::uint64_t>(); });
  const auto begin = clock_.seconds();
  free->pass(1'000'000'000);
  EXPECT_EQ(clock_.seconds(), begin);
}

TEST_F(RateLimitTest, StoresThatShareALimitShareItsRate) {
  const auto together = limiter(always(1'000'000));
  const auto slow = limiter(always(500'000));
  const auto first = with_limits(open_memory(), {{together}, {}});
  const auto second = with_limits(open_memory(), {{together, slow}, {}});
  const base::Bytes bytes(1'000'000);
  ASSERT_EQ(put(*first, "a", bytes), PutOutcome::stored);
  EXPECT_NEAR(clock_.seconds(), 1, 0.01);
  ASSERT_EQ(put(*second, "a", bytes), PutOutcome::stored);
  // Who waits for the slower of them has waited for the other by then.
  EXPECT_NEAR(clock_.seconds(), 4, 1.01);
  EXPECT_GE(clock_.seconds(), 3);
}

TEST_F(RateLimitTest, WhatIsReadIsLimitedAndComesWhole) {
  base::Bytes bytes(3'500'000);
  base::SeededRandom(1).fill(bytes);
  auto memory = open_memory();
  ASSERT_EQ(put(*memory, "a", bytes), PutOutcome::stored);
  const auto limited = with_limits(std::move(memory), {{}, {limiter(always(1'000'000))}});
  base::Bytes into(4'000'000);
  EXPECT_EQ(limited->read("a", 0, into), bytes.size());
  into.resize(bytes.size());
  EXPECT_EQ(into, bytes);
  EXPECT_NEAR(clock_.seconds(), 3.5, 0.01);
  EXPECT_EQ(limited->read("a", 3'500'000, into), 0U);
}

}  // namespace
}  // namespace holdfast::storage
