#include "policy/score.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::policy {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t day = 24 * 3600;
const base::WallTime now{1'800'000'000, 0};

Place place(const std::string& name, const std::string& medium) {
  Place made;
  made.name = name;
  made.medium = medium;
  made.production = name == "production";
  made.has_newest = true;
  made.verified = base::WallTime{now.seconds - day, 0};
  return made;
}

std::vector<Place> perfect() {
  std::vector<Place> places{place("production", "disk"), place("repository", "disk"),
                            place("oss", "object store"), place("usb", "removable disk")};
  places[2].offsite = true;
  places[3].out_of_reach = true;
  return places;
}

const Rule& rule(const Score& score, const std::string& name) {
  return *std::ranges::find(score.rules, name, &Rule::name);
}

TEST(Score, IsKeptWithThreeCopiesTwoMediaOneOffsiteOneOfflineAndNoErrors) {
  const auto score = score_of(perfect(), now);
  EXPECT_TRUE(score.kept());
  EXPECT_EQ(rule(score, "copies").have, 4U);
  EXPECT_EQ(rule(score, "media").have, 3U);
  for (const auto& each : score.rules)
    EXPECT_EQ(each.advice, "") << each.name;
}

TEST(Score, ASiteWithNothingButItself) {
  const std::vector<Place> alone{place("production", "disk")};
  const auto score = score_of(alone, now);
  EXPECT_FALSE(score.kept());
  EXPECT_EQ(rule(score, "copies").have, 1U);
  EXPECT_EQ(rule(score, "errors").have, 0U);
  EXPECT_THAT(rule(score, "copies").advice, HasSubstr("another copy"));
}

TEST(Score, ACopyThatIsBehindCountsForNothing) {
  auto places = perfect();
  places[2].has_newest = false;
  places[3].has_newest = false;
  const auto score = score_of(places, now);
  EXPECT_EQ(rule(score, "copies").have, 2U);
  EXPECT_THAT(rule(score, "copies").advice, HasSubstr("holdfast copy oss"));
  EXPECT_FALSE(rule(score, "media").kept);
  EXPECT_FALSE(rule(score, "offsite").kept);
  EXPECT_FALSE(rule(score, "offline").kept);
  EXPECT_TRUE(rule(score, "errors").kept) << "what is not there has no errors";
}

TEST(Score, ErrorsAreDamageAndWhatWasLongNotRead) {
  auto places = perfect();
  places[1].damaged = true;
  places[2].verified = base::WallTime{now.seconds - 31 * day, 0};
  places[2].url = "oss://bucket/site";
  places[3].verified.reset();
  const auto errors = rule(score_of(places, now), "errors");
  EXPECT_EQ(errors.have, 3U);
  EXPECT_THAT(errors.advice, HasSubstr("repository is damaged: holdfast repair"));
  EXPECT_THAT(errors.advice, HasSubstr("oss was last read whole 31 days ago: holdfast check --repo "
                                       "oss://bucket/site --read-data-older-than 30d"));
  EXPECT_THAT(errors.advice, HasSubstr("usb was never read whole"));
  places[2].verify_seconds = 40 * day;
  EXPECT_EQ(rule(score_of(places, now), "errors").have, 2U);
}

TEST(Score, ADiskThatShouldHaveBeenConnectedIsAnError) {
  auto places = perfect();
  places[3].overdue = true;
  places[3].has_newest = false;
  const auto errors = rule(score_of(places, now), "errors");
  EXPECT_EQ(errors.have, 1U);
  EXPECT_THAT(errors.advice, HasSubstr("usb is overdue: connect it, then holdfast copy usb"));
}

TEST(Score, ADamagedCopyIsNoCopy) {
  auto places = perfect();
  places.pop_back();
  places[1].damaged = true;
  EXPECT_EQ(rule(score_of(places, now), "copies").have, 2U);
}

}  // namespace
}  // namespace holdfast::policy
