#include "base/bytes.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace holdfast::base {
namespace {

RC_GTEST_PROP(Hex, ComesBack, (const std::string& text)) {
  const auto bytes = copy_of(as_bytes(text));
  RC_ASSERT(from_hex(to_hex(bytes)) == bytes);
}

TEST(Hex, IsLowerCaseAndReadsBothCases) {
  EXPECT_EQ(to_hex(as_bytes("\x01\xAB\xff")), "01abff");
  EXPECT_EQ(as_text(from_hex("01aBFf")), "\x01\xAB\xff");
  EXPECT_EQ(to_hex({}), "");
}

TEST(Hex, RefusesWhatIsNotHex) {
  for (const auto* text : {"a", "0g", "0x", " 1", "+1", "abc"}) {
    try {
      from_hex(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input) << text;
    }
  }
}

TEST(Buffer, FillsUpToItsCapacity) {
  Buffer buffer(5);
  buffer.append(as_bytes("abc"));
  EXPECT_EQ(buffer.room(), 2U);
  buffer.append({});
  buffer.append(as_bytes("de"));
  EXPECT_EQ(as_text(buffer.view()), "abcde");
  EXPECT_TRUE(buffer.free_space().empty());
  buffer.set_size(2);
  EXPECT_EQ(as_text(buffer.view()), "ab");
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.all().size(), 5U);
}

TEST(Buffer, GrowsOnlyWhenItMust) {
  Buffer buffer(8);
  buffer.append(as_bytes("abc"));
  const auto* const before = buffer.data();
  buffer.reserve_discarding(8);
  EXPECT_EQ(buffer.data(), before);
  EXPECT_EQ(buffer.size(), 3U);
  buffer.reserve_discarding(9);
  EXPECT_EQ(buffer.capacity(), 9U);
  EXPECT_TRUE(buffer.empty());
}

TEST(BufferDeathTest, IsNotFilledBeyondItsCapacity) {
  Buffer buffer(2);
  EXPECT_DEATH(buffer.append(as_bytes("abc")), "beyond its capacity");
  EXPECT_DEATH(buffer.set_size(3), "larger than its capacity");
}

}  // namespace
}  // namespace holdfast::base
