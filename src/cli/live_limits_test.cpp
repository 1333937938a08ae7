#include "live_limits.hpp"

#include "base/durable_file.hpp"
#include "base/temporary_directory.hpp"
#include "base/waited_clock.hpp"
#include "config/load.hpp"
#include "text.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <vector>

namespace holdfast::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t free_rate = 0;

class LiveLimitsTest : public testing::Test {
protected:
  /// Written beside and renamed, as editors do.
  void write(const std::string& text) {
    const auto path = directory_.file("holdfast.yaml");
    std::ofstream(path + "~") << text;
    ASSERT_EQ(::rename((path + "~").c_str(), path.c_str()), 0);
  }

  LiveLimits& limits(policy::ByteRates given = {}) {
    const auto path = directory_.file("holdfast.yaml");
    const auto config = config::load_config(path);
    limits_ = std::make_unique<LiveLimits>(
        LiveLimits::Surroundings{clock_, [path] { return config::load_config(path); },
                                 [this](const std::string& text) { notes_.push_back(text); },
                                 [this](const std::string& text) { warnings_.push_back(text); }},
        given, &config);
    return *limits_;
  }

  /// Bytes a second, as a piece tells them.
  static std::uint64_t rate(const std::shared_ptr<base::RateLimiter>& limiter) {
    const auto piece = limiter->piece();
    return piece > (1UL << 60) ? free_rate : piece * 8;
  }
  static storage::Location far() { return storage::parse_location("sftp://host/far"); }
  static storage::Location other() { return storage::parse_location("/other"); }

  base::WaitedClock clock_;
  const base::TemporaryDirectory directory_;
  std::unique_ptr<LiveLimits> limits_;
  std::vector<std::string> notes_;
  std::vector<std::string> warnings_;
};

constexpr const char* both = R"(
limit: {up: 800KiB}
stores:
  far: {url: "sftp://host/far", limit: {up: 400KiB, down: 80KiB}}
)";

TEST_F(LiveLimitsTest, WithoutAWordNothingIsLimited) {
  write("repository: /r\n");
  const auto found = limits().of(far());
  EXPECT_EQ(rate(found.up), free_rate);
  EXPECT_EQ(rate(found.down), free_rate);
}

TEST_F(LiveLimitsTest, AStoreHasItsOwnLimitAndThatOfAll) {
  write(both);
  auto& all = limits();
  EXPECT_EQ(rate(all.of(far()).up), 400U << 10);
  EXPECT_EQ(rate(all.of(far()).down), 80U << 10);
  EXPECT_EQ(rate(all.of(other()).up), 800U << 10);
  EXPECT_EQ(rate(all.of(other()).down), free_rate);
  EXPECT_EQ(all.of(far()).up, all.of(far()).up) << "one for all who open the store";
}

TEST_F(LiveLimitsTest, StoresShareTheGeneralLimit) {
  write(both);
  auto& all = limits();
  const auto begin = clock_.seconds();
  for (int piece = 0; piece < 40; ++piece) {
    const auto first = all.of(far()).up->book(25 << 10);
    const auto second = all.of(other()).up->book(75 << 10);
    clock_.wait_until(std::max(first, second));
  }
  EXPECT_NEAR(clock_.seconds() - begin, 5, 0.3) << "40 times 100 KiB at 800 KiB/s";
}

TEST_F(LiveLimitsTest, TheCommandLineGoesBeforeTheGeneralLimit) {
  write(both);
  auto& all = limits({.up = 160 << 10, .down = 0});
  EXPECT_EQ(rate(all.of(other()).up), 160U << 10);
  EXPECT_EQ(rate(all.of(far()).up), 160U << 10);
  EXPECT_EQ(rate(all.of(far()).down), 80U << 10) << "the store's own holds";
  auto& lifted = limits({.up = 0, .down = {}});
  EXPECT_EQ(rate(lifted.of(other()).up), free_rate);
}

TEST_F(LiveLimitsTest, AChangeOfTheFileCountsWithinASecond) {
  write(both);
  const auto found = limits().of(far());
  EXPECT_EQ(rate(found.up), 400U << 10);
  write("stores: {far: {url: \"sftp://host/far\", limit: 160KiB}}\n");
  clock_.move_on(1.01);
  EXPECT_EQ(rate(found.up), 160U << 10);
  EXPECT_EQ(rate(found.down), 160U << 10);
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("changed")));
  write("repository: /r\n");
  clock_.move_on(1.01);
  EXPECT_EQ(rate(found.up), free_rate);
  write("repository: /elsewhere\n");
  clock_.move_on(1.01);
  EXPECT_EQ(rate(found.up), free_rate);
  EXPECT_EQ(notes_.size(), 2U) << "nothing about limits changed";
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(LiveLimitsTest, AFileThatIsWrongLeavesThemAsTheyWere) {
  write(both);
  const auto found = limits().of(far());
  EXPECT_EQ(rate(found.up), 400U << 10);
  write("limit: {up: fast}\n");
  clock_.move_on(1.01);
  EXPECT_EQ(rate(found.up), 400U << 10);
  clock_.move_on(1.01);
  EXPECT_EQ(rate(found.up), 400U << 10);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("limit.up: 'fast' makes no sense")));
  ASSERT_EQ(::unlink(directory_.file("holdfast.yaml").c_str()), 0);
  clock_.move_on(1.01);
  EXPECT_EQ(rate(found.up), 400U << 10);
  EXPECT_EQ(warnings_.size(), 2U);
  write("limit: {up: 80KiB}\n");
  clock_.move_on(1.01);
  EXPECT_EQ(rate(found.up), 80U << 10);
}

TEST_F(LiveLimitsTest, WindowsFollowTheLocalTime) {
  const auto now = clock_.wall_now();
  const auto minute = (now.seconds + utc_offset(now)) % 86'400 / 60;
  const auto time = [&](std::int64_t minutes) {
    const auto day = (minute + minutes) % 1440;
    return fmt::format("{:02}:{:02}", day / 60, day % 60);
  };
  write(fmt::format("limit: {{up: 800KiB, windows: [{{from: \"{}\", to: \"{}\", up: 80KiB}}]}}\n",
                    time(10), time(20)));
  const auto found = limits().of(other());
  EXPECT_EQ(rate(found.up), 800U << 10);
  clock_.move_on(15 * 60);
  EXPECT_EQ(rate(found.up), 80U << 10);
  clock_.move_on(10 * 60);
  EXPECT_EQ(rate(found.up), 800U << 10);
}

}  // namespace
}  // namespace holdfast::cli
