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
