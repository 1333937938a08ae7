#include "base/secret.hpp"

#include <gtest/gtest.h>

#include <type_traits>
#include <utility>

namespace holdfast::base {
namespace {

static_assert(!std::is_copy_constructible_v<Secret>);
static_assert(!std::is_copy_assignable_v<Secret>);

TEST(Secret, HoldsBytesAndStartsAsZeros) {
  EXPECT_EQ(as_text(Secret(as_bytes("open sesame")).view()), "open sesame");
  EXPECT_EQ(as_text(Secret(std::size_t{3}).view()), std::string_view("\0\0\0", 3));
  EXPECT_TRUE(Secret().empty());
  EXPECT_TRUE(Secret(ByteView()).empty());
  EXPECT_EQ(Secret(std::size_t{10'000}).size(), 10'000U);
}

TEST(Secret, Moves) {
  Secret first(as_bytes("a"));
  Secret second(std::move(first));
  EXPECT_TRUE(
      first.empty());  // NOLINT(bugprone-use-after-move): what a moved secret holds is promised
  Secret third(as_bytes("b"));
  third = std::move(second);
  EXPECT_EQ(as_text(third.view()), "a");
  auto& same = third;
  third = std::move(same);
  EXPECT_EQ(as_text(third.view()), "a");
  const auto copy = third.clone();
  EXPECT_EQ(as_text(copy.view()), "a");
  EXPECT_NE(copy.view().data(), third.view().data());
}

TEST(Wipe, Clears) {
  Bytes bytes = copy_of(as_bytes("abc"));
  wipe(bytes);
  EXPECT_EQ(bytes, Bytes(3));
  wipe({});
}

TEST(ConstantTime, Compares) {
  EXPECT_TRUE(equal_in_constant_time(as_bytes("abc"), as_bytes("abc")));
  EXPECT_FALSE(equal_in_constant_time(as_bytes("abc"), as_bytes("abd")));
  EXPECT_FALSE(equal_in_constant_time(as_bytes("abc"), as_bytes("ab")));
  EXPECT_TRUE(equal_in_constant_time({}, {}));
}

}  // namespace
}  // namespace holdfast::base
