#include "base/random.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <set>

namespace holdfast::base {
namespace {

RC_GTEST_PROP(Random, StaysBelowItsBound, (std::uint64_t seed, std::uint64_t bound)) {
  RC_PRE(bound > 0U);
  SeededRandom random(seed);
  for (int i = 0; i < 10; ++i)
    RC_ASSERT(random.below(bound) < bound);
}

TEST(Random, ReachesEveryValueBelow) {
  SeededRandom random(1);
  std::array<int, 7> seen{};
  for (int i = 0; i < 7000; ++i)
    ++seen[random.below(7)];
  for (const int count : seen)
    EXPECT_NEAR(count, 1000, 200);
}

TEST(SeededRandom, RepeatsForTheSameSeed) {
  SeededRandom first(42);
  SeededRandom second(42);
  SeededRandom other(43);
  const auto id = first.id<ChunkId>();
  EXPECT_EQ(second.id<ChunkId>(), id);
  EXPECT_NE(other.id<ChunkId>(), id);
}

TEST(SeededRandom, IsSplitmix64) {
  SeededRandom random(0);
  EXPECT_EQ(random.id<Hash>().short_hex(), "afcd1d7b");  // 0xe220a8397b1dcdaf
}

TEST(SystemRandom, DoesNotRepeat) {
  SystemRandom random;
  std::set<ChunkId> seen;
  for (int i = 0; i < 100; ++i)
    EXPECT_TRUE(seen.insert(random.id<ChunkId>()).second);
  Bytes large(100'000);
  random.fill(large);
  EXPECT_NE(Bytes(large.end() - 32, large.end()), Bytes(32));
}

}  // namespace
}  // namespace holdfast::base
