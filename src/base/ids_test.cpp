#include "base/ids.hpp"

#include "base/error.hpp"
#include "base/random.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace holdfast::base {
namespace {

static_assert(!std::is_convertible_v<ChunkId, PackId>);
static_assert(!std::is_constructible_v<ChunkId, PackId>);

TEST(Digest, ComesBackFromBytesAndHex) {
  SeededRandom random(1);
  const auto id = random.id<ChunkId>();
  EXPECT_EQ(ChunkId::from_bytes(id.view()), id);
  EXPECT_EQ(ChunkId::from_hex(id.hex()), id);
  EXPECT_EQ(id.hex().substr(0, 8), id.short_hex());
  EXPECT_EQ(std::hash<ChunkId>()(id), id.prefix64());
}

TEST(Digest, OrdersLikeItsBytes) {
  const auto low = Hash::from_hex(std::string(62, '0') + "ff");
  const auto high = Hash::from_hex("01" + std::string(62, '0'));
  EXPECT_LT(low, high);
  EXPECT_EQ(high.prefix64(), 1U);
}

TEST(Digest, RefusesOtherLengths) {
  EXPECT_THROW(Hash::from_hex(std::string(62, '0')), Error);
  EXPECT_THROW(Hash::from_hex(std::string(66, '0')), Error);
  EXPECT_THROW(Hash::from_bytes({}), Error);
}

}  // namespace
}  // namespace holdfast::base
