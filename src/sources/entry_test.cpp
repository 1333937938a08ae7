#include "sources/entry.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string_view>

namespace holdfast::sources {
namespace {

TEST(EntryKind, EveryKindHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int kind = 1; kind <= 7; ++kind)
    names.insert(name_of(static_cast<EntryKind>(kind)));
  EXPECT_EQ(names.size(), 7U);
  EXPECT_EQ(name_of(EntryKind::char_device), "char_device");
}

TEST(Entry, EqualMeansEqualInEverything) {
  Entry one;
  one.name = "a";
  Entry other = one;
  EXPECT_EQ(one, other);
  other.attributes.push_back({"user.x", {}});
  EXPECT_NE(one, other);
}

}  // namespace
}  // namespace holdfast::sources
