#include "base/first_failure.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace holdfast::base {
namespace {

void run_out_of_space(FirstFailure& failure) {
  with_context([] { return "storing a"; },
               [&] { failure.run([] { throw Error(ErrorKind::no_space, "the disk is full"); }); });
}

TEST(FirstFailureTest, NothingHappensWithoutOne) {
  FirstFailure failure("since then");
  EXPECT_EQ(failure.run([] { return 7; }), 7);
  EXPECT_FALSE(failure.happened());
  failure.check();
}

TEST(FirstFailureTest, TheFirstIsThrownAgainToAllOthers) {
  FirstFailure failure("since then");
  EXPECT_THROW(run_out_of_space(failure), Error);
  EXPECT_THROW(failure.run([] { FAIL() << "begun after a failure"; }), Error);
  failure.remember(std::make_exception_ptr(Error(ErrorKind::unavailable, "later")));
  EXPECT_TRUE(failure.happened());
  for (int i = 0; i < 2; ++i) {
    try {
      failure.check();
      FAIL();
    } catch (const Error& again) {
      EXPECT_EQ(again.kind(), ErrorKind::no_space);
      EXPECT_STREQ(again.what(), "since then: the disk is full");
    }
  }
}

TEST(FirstFailureTest, BeingCancelledStaysThat) {
  FirstFailure failure("since then");
  EXPECT_THROW(failure.run([] { throw Cancelled(); }), Cancelled);
  EXPECT_THROW(failure.check(), Cancelled);
}

TEST(FirstFailureTest, AnyOtherExceptionIsKeptToo) {
  FirstFailure failure("since then");
  EXPECT_THROW(failure.run([] { throw std::length_error("too long"); }), std::length_error);
  EXPECT_THROW(failure.check(), std::length_error);
}

}  // namespace
}  // namespace holdfast::base
