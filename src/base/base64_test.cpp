#include "base/base64.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>

namespace holdfast::base {
namespace {

TEST(Base64, IsThatOfTheStandard) {
  for (const auto& [text, encoded] : std::initializer_list<std::pair<const char*, const char*>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(to_base64(as_bytes(text)), encoded);
  }
}

}  // namespace
}  // namespace holdfast::base
