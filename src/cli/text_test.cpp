#include "text.hpp"

#include "base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

using ::testing::ElementsAre;

TEST(Text, Thousands) {
  EXPECT_EQ(with_thousands(0), "0");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(1'000), "1,000");
  EXPECT_EQ(with_thousands(12'345'678), "12,345,678");
  EXPECT_EQ(counted(1, "file", "files"), "1 file");
  EXPECT_EQ(counted(78'549, "file", "files"), "78,549 files");
}

TEST(Text, Ages) {
  const base::WallTime now{10'000'000, 0};
  const auto ago = [&](std::int64_t seconds) { return age_text({now.seconds - seconds, 0}, now); };
  EXPECT_EQ(ago(5), "just now");
  EXPECT_EQ(ago(60), "1 minute ago");
  EXPECT_EQ(ago(7'300), "2 hours ago");
  EXPECT_EQ(ago(86'400 * 45), "1 month ago");
  EXPECT_EQ(ago(-3'600), "in the future");
}

TEST(Text, TablesAlignAndEndWithoutBlanks) {
  using enum Table::Align;
  Table table({left, right, left});
  table.add({"ID", "N", ""});
  table.add({"ab", "1,000", "x"});
  table.add({"中", "1", ""});
  EXPECT_THAT(table.lines(), ElementsAre("ID      N", "ab  1,000  x", "中      1"));
}

TEST(Text, WordsAreSplitWithoutAShell) {
  EXPECT_THAT(split_words("pass  show 'a b' \"c\\\"d\" e\\ f '' $HOME `x`"),
              ElementsAre("pass", "show", "a b", "c\"d", "e f", "", "$HOME", "`x`"));
  EXPECT_THROW(split_words("'open"), base::Error);
  EXPECT_THROW(split_words("   "), base::Error);
}

}  // namespace
}  // namespace holdfast::cli
