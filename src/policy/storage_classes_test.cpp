#include "policy/storage_classes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t day = 24 * 3600;
constexpr std::uint64_t gib = 1ULL << 30;

std::vector<std::string> speeds_of(const std::vector<ThawEstimate>& estimates) {
  std::vector<std::string> speeds;
  for (const auto& estimate : estimates)
    speeds.push_back(estimate.speed);
  return speeds;
}

TEST(StorageClasses, AThawCostsByBytesRequestsAndDays) {
  const std::vector<PacksInClass> frozen = {{"GLACIER", 1000, 100 * gib}};
  const auto estimates = estimate_thaw(built_in_prices("s3"), frozen, 30);
  ASSERT_THAT(speeds_of(estimates), ElementsAre("expedited", "standard", "bulk"));
  constexpr double kept = 100 * 0.023;
  EXPECT_NEAR(*estimates[0].price, 100 * 0.03 + 10 + kept, 1e-9);
  EXPECT_NEAR(*estimates[1].price, 100 * 0.01 + 0.05 + kept, 1e-9);
  EXPECT_NEAR(*estimates[2].price, kept, 1e-9);
  EXPECT_EQ(estimates[1].seconds_max, 5 * 3600);
}

TEST(StorageClasses, OnlySpeedsThatAllHaveAreOffered) {
  const std::vector<PacksInClass> frozen = {{"GLACIER", 1, gib}, {"DEEP_ARCHIVE", 1, gib}};
  const auto estimates = estimate_thaw(built_in_prices("s3"), frozen, 1);
  EXPECT_THAT(speeds_of(estimates), ElementsAre("standard", "bulk"));
  EXPECT_EQ(estimates[0].seconds_max, 12 * 3600) << "the slowest counts";
}

TEST(StorageClasses, AClassWithOneSpeedHasEvery) {
  const std::vector<PacksInClass> one = {{"Archive", 10, gib}};
  const auto prices = built_in_prices("oss");
  EXPECT_THAT(speeds_of(estimate_thaw(prices, one, 1)), ElementsAre("standard"));
  const std::vector<PacksInClass> two = {{"Archive", 10, gib}, {"ColdArchive", 1, gib}};
  EXPECT_THAT(speeds_of(estimate_thaw(prices, two, 1)),
              ElementsAre("expedited", "standard", "bulk"));
}

TEST(StorageClasses, WhatIsNotKnownIsNotMadeUp) {
  const std::vector<PacksInClass> frozen = {{"DeepColdArchive", 1, gib}, {"Archive", 1, gib}};
  for (const auto& estimate : estimate_thaw(built_in_prices("oss"), frozen, 1))
    EXPECT_FALSE(estimate.price) << estimate.speed;
  const std::vector<PacksInClass> foreign = {{"FROZEN_SOLID", 1, gib}};
  const auto estimates = estimate_thaw(built_in_prices("s3"), foreign, 1);
  ASSERT_THAT(speeds_of(estimates), ElementsAre("standard"));
  EXPECT_FALSE(estimates[0].price);
  EXPECT_EQ(estimates[0].seconds_max, 0);
  EXPECT_THAT(built_in_prices("file").classes, IsEmpty());
}

TEST(StorageClasses, WhatIsKnownBetterCounts) {
  const std::vector<PriceOverride> known = {
      {.storage_class = "ARCHIVE", .speed = "standard", .price_per_gib = 0.06},
      {.storage_class = "ARCHIVE", .price_per_gib = 0.02, .seconds_min = 10 * day},
      {.storage_class = "VAULT", .speed = "bulk", .price_per_gib = 1.0, .seconds_max = 60}};
  const auto prices = with_overrides(built_in_prices("cos"), known, "EUR");
  EXPECT_EQ(prices.currency, "EUR");
  EXPECT_EQ(prices.find("ARCHIVE")->seconds_min, 10 * day);
  EXPECT_EQ(prices.find("ARCHIVE")->price_per_gib, 0.02);
  const std::vector<PacksInClass> frozen = {{"ARCHIVE", 10, 2 * gib}};
  EXPECT_NEAR(*estimate_thaw(prices, frozen, 30).at(1).price, 2 * (0.06 + 0.118), 1e-9);
  const std::vector<PacksInClass> vault = {{"VAULT", 10, 2 * gib}};
  EXPECT_NEAR(*estimate_thaw(prices, vault, 30).front().price, 2, 1e-9);
}

TEST(StorageClasses, LeavingEarlyCostsTheRest) {
  const auto prices = built_in_prices("s3");
  const auto& glacier = *prices.find("GLACIER");
  EXPECT_NEAR(*price_of_leaving(glacier, 10 * gib, 30 * day), 10 * 0.0036 * 2, 1e-9);
  EXPECT_EQ(price_of_leaving(glacier, 10 * gib, 90 * day), 0.0);
  StorageClass unpriced{"X", 90 * day};
  EXPECT_FALSE(price_of_leaving(unpriced, gib, 0));
  EXPECT_EQ(price_of_leaving(*prices.find("STANDARD"), gib, 0), 0.0);
}

}  // namespace
}  // namespace holdfast::policy
