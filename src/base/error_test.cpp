#include "base/error.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

namespace holdfast::base {
namespace {

TEST(Error, PutsTheNewestContextFirst) {
  Error error(ErrorKind::io, "it failed");
  error.add_context("doing b").add_context("doing a");
  EXPECT_STREQ(error.what(), "doing a: doing b: it failed");
  EXPECT_NE(std::string(error.where().file_name()).find("error_test.cpp"), std::string::npos);
}

TEST(Error, KeepsTheFirstHint) {
  Error error(ErrorKind::io, "it failed");
  error.set_hint("look here").set_hint("look there");
  EXPECT_EQ(error.hint(), "look here");
}

TEST(Error, TakesRetryFromTheTableUnlessTold) {
  EXPECT_EQ(Error(ErrorKind::unavailable, "x").retry(), Retry::later);
  EXPECT_EQ(Error(ErrorKind::corrupt, "x").retry(), Retry::never);
  EXPECT_EQ(Error(ErrorKind::io, "x").set_retry(Retry::later).retry(), Retry::later);
}

TEST(Error, WithContextDescribesOnlyFailures) {
  EXPECT_EQ(with_context([] { return std::string("unused"); }, [] { return 7; }), 7);
  try {
    with_context([] { return std::string("reading home"); },
                 [] { throw Error(ErrorKind::not_found, "opening /nope"); });
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "reading home: opening /nope");
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
  }
}

TEST(Error, WithContextLeavesCancelledAlone) {
  EXPECT_THROW(with_context([] { return std::string("reading"); }, [] { throw Cancelled(); }),
               Cancelled);
}

TEST(SystemError, TranslatesCodesToKinds) {
  EXPECT_EQ(system_error(ENOENT, "x").kind(), ErrorKind::not_found);
  EXPECT_EQ(system_error(EACCES, "x").kind(), ErrorKind::access_denied);
  EXPECT_EQ(system_error(EPERM, "x").kind(), ErrorKind::access_denied);
  EXPECT_EQ(system_error(ENOSPC, "x").kind(), ErrorKind::no_space);
  EXPECT_EQ(system_error(EDQUOT, "x").kind(), ErrorKind::no_space);
  EXPECT_EQ(system_error(EEXIST, "x").kind(), ErrorKind::already_exists);
  EXPECT_EQ(system_error(EIO, "x").kind(), ErrorKind::io);
  EXPECT_EQ(system_error(ESTALE, "x").retry(), Retry::later);
  EXPECT_EQ(system_error(EROFS, "x").retry(), Retry::never);
  EXPECT_STREQ(system_error(ENOENT, "opening /nope").what(),
               "opening /nope: No such file or directory");
  EXPECT_FALSE(system_error(ENOSPC, "x").hint().empty());
}

TEST(ErrorKinds, HaveOneRowEachAndDistinctExitCodes) {
  std::set<ErrorKind> kinds;
  std::set<int> exit_codes = {exit_done, exit_internal, exit_partial, exit_interrupted};
  for (const auto& row : error_kinds) {
    EXPECT_TRUE(kinds.insert(row.kind).second) << row.name;
    EXPECT_TRUE(exit_codes.insert(row.exit_code).second) << row.name;
    EXPECT_GE(row.http_status, 400) << row.name;
    EXPECT_EQ(&row_of(row.kind), &row);
  }
}

TEST(AssertionDeathTest, StopsTheProgramAndSaysWhere) {
  EXPECT_DEATH(HF_ASSERT(1 + 1 == 3, "sums are right"),
               "error_test.cpp:[0-9]+: .*assertion failed: sums are right \\(1 \\+ 1 == 3\\)");
}

}  // namespace
}  // namespace holdfast::base
