// Runs that are stopped, killed or fail, and the runs after them.
#include "backup_testing.hpp"
#include "storage/wrappers/faulty_backend.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace holdfast::backup {
namespace {

namespace fs = std::filesystem;

class InterruptedRunTest : public ::testing::Test {
protected:
  /// 240 files of 400 kB that do not compress: several packs.
  void make_site() {
    for (int i = 0; i < 240; ++i) {
      const auto folder = "d" + std::to_string(i / 20);
      fs::create_directories(site_.path(folder));
      site_.write(folder + "/f" + std::to_string(i),
                  TestSite::noise(400'000, static_cast<std::uint64_t>(i)));
    }
  }

  /// Runs with a store that fails from the moment `count` packs were committed.
  void fail_after_packs(int count) {
    int packs = 0;
    auto store = storage::with_faults(
        site_.backend(),
        [&](storage::Operation operation, const std::string& name,
            std::uint64_t) -> std::optional<storage::Fault> {
          if (operation != storage::Operation::commit || !name.starts_with("packs/")) return {};
          return ++packs > count ? std::optional(storage::Fault{}) : std::nullopt;
        });
    site_.reopen(*store);
    EXPECT_THROW(site_.back_up(), base::Error);
    site_.reopen();
  }

  TestSite site_;
};

TEST_F(InterruptedRunTest, AFailedRunLeavesNoSnapshotAndTheNextOneUsesWhatWasStored) {
  make_site();
  fail_after_packs(1);
  EXPECT_TRUE(site_.repository().snapshots().list().empty());
  const auto result = site_.back_up();
  EXPECT_EQ(result.packs_resumed, 1U);
  const auto& statistics = result.snapshot.statistics;
  EXPECT_EQ(statistics.files, 240U);
  EXPECT_LT(statistics.bytes_read, 96'000'000U) << "files of the stored pack are not read again";
  EXPECT_LE(statistics.bytes_new, statistics.bytes_read + 100'000) << "new are they and trees";
  for (const auto& [path, content] : site_.contents(result.snapshot)) {
    if (const auto at = path.rfind("/f"); at != std::string::npos) {
      EXPECT_TRUE(content == TestSite::noise(400'000, std::stoull(path.substr(at + 2)))) << path;
    }
  }
}

TEST_F(InterruptedRunTest, AFailureInTheMiddleOfALargeFileIsNoMoreThanThat) {
  site_.write("large", TestSite::noise(100'000'000, 1));
  auto store = storage::with_faults(
      site_.backend(),
      [](storage::Operation operation, const std::string& name,
         std::uint64_t) -> std::optional<storage::Fault> {
        const bool is_pack = name.starts_with("packs/");
        return is_pack && operation != storage::Operation::commit
                   ? std::optional(storage::Fault{})
                   : std::nullopt;
      });
  site_.reopen(*store);
  EXPECT_THROW(site_.back_up(), base::Error);
  site_.reopen();
  EXPECT_EQ(site_.back_up().snapshot.statistics.files, 1U);
}

TEST_F(InterruptedRunTest, AStoppedRunKeepsAllThatWasSealed) {
  make_site();
  class StopLater final : public base::ProgressObserver {
  public:
    explicit StopLater(std::stop_source& stop) : stop_(stop) {}
    void on_progress(const base::Progress& progress) override {
      if (progress.bytes_stored > 20'000'000) stop_.request_stop();
    }
    void on_warning(const std::string&) override {}

  private:
    std::stop_source& stop_;
  };
  std::stop_source stop;
  StopLater observer(stop);
  auto request = site_.request();
  request.items.push_back(site_.files());
  site_.clock().advance_seconds(10);
  EXPECT_THROW(run_backup(site_.repository(), std::move(request), observer, stop.get_token()),
               base::Cancelled);
  EXPECT_TRUE(site_.repository().snapshots().list().empty());
  site_.reopen();
  const auto result = site_.back_up();
  EXPECT_LT(result.snapshot.statistics.bytes_read, 80'000'000U);
  EXPECT_EQ(site_.contents(result.snapshot).size(), 240U + 12U + 1U);
}

TEST_F(InterruptedRunTest, WhatChangedAfterTheInterruptionIsReadAgain) {
  make_site();
  fail_after_packs(2);
  for (int i = 0; i < 240; ++i)
    site_.write("d" + std::to_string(i / 20) + "/f" + std::to_string(i),
                "new " + std::to_string(i));
  const auto result = site_.back_up();
  for (const auto& [path, content] : site_.contents(result.snapshot)) {
    if (const auto at = path.rfind("/f"); at != std::string::npos) {
      EXPECT_EQ(content, "new " + path.substr(at + 2));
    }
  }
}

TEST_F(InterruptedRunTest, EveryStoreCallMayFailOnceAndTheNextRunWorks) {
  for (int i = 0; i < 30; ++i)
    site_.write("f" + std::to_string(i), TestSite::noise(3000, static_cast<std::uint64_t>(i)));
  std::uint64_t failing = 1;
  for (bool failed = true; failed; ++failing) {
    failed = false;
    auto store = storage::with_faults(
        site_.backend(),
        [&](storage::Operation, const std::string&,
            std::uint64_t call) -> std::optional<storage::Fault> {
          if (call != failing) return std::nullopt;
          failed = true;
          const bool after = failing % 2 == 0;
          return storage::Fault{after ? storage::Fault::When::after : storage::Fault::When::before,
                                base::ErrorKind::io};
        });
    site_.write("changing", std::to_string(failing));
    try {
      site_.reopen(*store);
      site_.back_up();
    } catch (const base::Error&) {
      EXPECT_TRUE(failed) << "call " << failing;
    }
    site_.reopen();
    const auto result = site_.back_up();
    EXPECT_EQ(site_.contents(result.snapshot).size(), 32U) << "call " << failing;
  }
  EXPECT_GT(failing, 10U);
}

}  // namespace
}  // namespace holdfast::backup
