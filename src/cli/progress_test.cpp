#include "progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

base::Progress halfway() {
  base::Progress progress;
  progress.phase = "backup";
  progress.items_done = 1'234;
  progress.bytes_done = 500'000'000;
  progress.bytes_total = 1'000'000'000;
  progress.current = "/srv/\x1b[2J/中文";
  return progress;
}

TEST(Progress, SaysWhatIsLeft) {
  const auto text = progress_text(halfway(), 100e6, 200);
  EXPECT_THAT(text, HasSubstr("1,234 files"));
  EXPECT_THAT(text, HasSubstr("100.0 MB/s"));
  EXPECT_THAT(text, HasSubstr("5.0 s left"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(Progress, NeverWiderThanTheTerminal) {
  for (std::size_t width = 0; width < 120; ++width) {
    EXPECT_LE(display_width(progress_text(halfway(), 1e6, width)), width);
  }
}

TEST(Progress, WideCharactersTakeTwoColumnsAndAreNotCut) {
  EXPECT_EQ(display_width("aé中"), 4U);
  EXPECT_EQ(fit("中文", 3), "中");
}

TEST(Progress, JsonHasAllFields) {
  EXPECT_EQ(progress_json(base::Progress{}, 0),
            R"({"event":"progress","phase":"","items_done":0,"items_total":0,"bytes_done":0,)"
            R"("bytes_total":0,"bytes_stored":0,"bytes_per_second":0,"seconds_left":null,)"
            R"("current":""})");
}

TEST(RateMeter, FollowsTheLastSeconds) {
  constexpr std::int64_t second = 1'000'000'000;
  RateMeter rate;
  for (std::int64_t i = 0; i <= 100; ++i) {
    rate.add({i * second}, static_cast<std::uint64_t>(i) * 1000);
  }
  EXPECT_NEAR(rate.bytes_per_second(), 1000, 1);
  for (std::int64_t i = 101; i <= 140; ++i)
    rate.add({i * second}, 100'000);
  EXPECT_EQ(rate.bytes_per_second(), 0);
  rate.add({141 * second}, 5);  // another phase
  EXPECT_EQ(rate.bytes_per_second(), 0);
}

}  // namespace
}  // namespace holdfast::cli
