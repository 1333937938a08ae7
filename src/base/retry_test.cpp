#include "base/retry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::base {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RetryTest : public testing::Test {
protected:
  Error busy(double asked) {
    Error error(ErrorKind::unavailable, "busy");
    error.set_retry_after(asked);
    return error;
  }

  SeededRandom random_{1};
  std::vector<double> waits_;
  const Retrier retrier_{{}, random_, [this](double seconds) { waits_.push_back(seconds); }};
};

TEST_F(RetryTest, WaitsAsLongAsTheOtherSideAsks) {
  EXPECT_EQ(retrier_.run([&](int failed) {
    if (failed == 0) throw busy(7);
    return failed;
  }),
            1);
  EXPECT_THAT(waits_, ElementsAre(7));
}

TEST_F(RetryTest, DoesNotWaitForHours) {
  EXPECT_THROW(retrier_.run([&](int) { throw busy(3600); }), Error);
  EXPECT_TRUE(waits_.empty());
}

TEST_F(RetryTest, WhoAnsweredBeforeIsWaitedForLonger) {
  RetryPolicy policy;
  policy.patience_seconds = 60;
  double waited = 0;
  int attempts = 0;
  const Retrier patient(policy, random_, [&](double seconds) { waited += seconds; });
  const auto fail = [&](int) {
    ++attempts;
    throw Error(ErrorKind::unavailable, "away");
  };
  const auto expect_given_up = [&](int attempts_min, double waited_min, double waited_max) {
    waited = attempts = 0;
    EXPECT_THROW(patient.run(fail), Error);
    EXPECT_GE(attempts, attempts_min);
    EXPECT_GE(waited, waited_min);
    EXPECT_LE(waited, waited_max);
  };
  expect_given_up(5, 1, 4);  // nobody was ever there
  EXPECT_EQ(patient.run([](int) { return 7; }), 7);
  expect_given_up(6, 60, 70);
  expect_given_up(5, 1, 4);  // it is known to be away
  waited = attempts = 0;
  patient.run([&](int failed) {
    if (failed < 3) throw Error(ErrorKind::unavailable, "away");
  });
  EXPECT_EQ(patient.run([](int failed) {
    if (failed < 8) throw Error(ErrorKind::unavailable, "away");
    return failed;
  }),
            8);
}

TEST_F(RetryTest, WhatNeverPassesIsThrownAsItIs) {
  try {
    retrier_.run([](int) { throw Error(ErrorKind::access_denied, "no"); });
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "no");
  }
}

TEST_F(RetryTest, TheLastErrorTellsOfTheOthers) {
  try {
    retrier_.run(
        [](int failed) { throw Error(ErrorKind::unavailable, failed == 0 ? "first" : "later"); });
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("later (after 5 attempts; before: first)"));
  }
}

}  // namespace
}  // namespace holdfast::base
