#include "quota.hpp"

#include "base/error.hpp"
#include "storage/memory/memory_backend.hpp"

#include <gtest/gtest.h>

namespace holdfast::store_server {
namespace {

class QuotaTest : public testing::Test {
protected:
  QuotaTest() : backend_(storage::open_memory()), quota_("r", *backend_, 100, clock_) {}

  void store(const std::string& name, std::size_t size) {
    ASSERT_EQ(storage::put(*backend_, name, base::Bytes(size)), storage::PutOutcome::stored);
  }
  bool fits(std::uint64_t bytes) {
    try {
      Reservation room(quota_);
      room.add(bytes);
      return true;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::no_space);
      return false;
    }
  }

  base::ManualClock clock_{{}};
  std::unique_ptr<storage::Backend> backend_;
  Quota quota_;
};

TEST_F(QuotaTest, CountsWhatWasThereBefore) {
  store("a", 60);
  EXPECT_TRUE(fits(40));
  EXPECT_FALSE(fits(41));
  EXPECT_FALSE(fits(UINT64_MAX));
}

TEST_F(QuotaTest, WhatIsOnItsWayCountsUntilItIsGivenUp) {
  {
    Reservation first(quota_);
    first.add(70);
    EXPECT_FALSE(fits(31));
    EXPECT_TRUE(fits(30));
  }
  EXPECT_TRUE(fits(100));
  Reservation kept(quota_);
  kept.add(70);
  kept.keep();
  EXPECT_FALSE(fits(31));
  quota_.give_back(70);
  EXPECT_TRUE(fits(100));
}

TEST_F(QuotaTest, LooksAgainNowAndThen) {
  store("a", 100);
  EXPECT_FALSE(fits(1));
  ASSERT_EQ(backend_->remove("a"), storage::RemoveOutcome::removed);
  EXPECT_FALSE(fits(1));
  clock_.advance_seconds(31);
  EXPECT_TRUE(fits(1));
  store("b", 100);
  EXPECT_TRUE(fits(1));
  clock_.advance_seconds(3601);
  EXPECT_FALSE(fits(1));
}

TEST_F(QuotaTest, WithoutALimitAnythingFits) {
  Quota endless("r", *backend_, std::nullopt, clock_);
  endless.take(UINT64_MAX);
  endless.take(UINT64_MAX);
}

}  // namespace
}  // namespace holdfast::store_server
