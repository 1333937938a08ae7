#include "last_words.hpp"

#include <gtest/gtest.h>

namespace holdfast::sources {
namespace {

TEST(LastWords, KeepsTheLastLines) {
  LastWords words;
  words.add("1\n2\n3\n");
  words.add("4\n5\n\n6");
  EXPECT_EQ(words.text(), "2 | 3 | 4 | 5 | 6");
}

TEST(LastWords, NothingSaidIsEmpty) { EXPECT_EQ(LastWords().text(), ""); }

TEST(LastWords, IsBoundedAndFitForATerminal) {
  LastWords words;
  for (int i = 0; i < 100; ++i)
    words.add(std::string(5000, 'x'));
  words.add("\x1b[2J");
  EXPECT_LE(words.text().size(), 2100U);
  EXPECT_EQ(words.text().find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace holdfast::sources
