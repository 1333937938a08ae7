#include "restore/thaw.hpp"

#include "base/error.hpp"
#include "repository/stored_objects.hpp"
#include "storage/memory/memory_backend.hpp"
#include "storage/wrappers/wrappers.hpp"
#include "testing_repository.hpp"
#include "testing_target.hpp"

#include <gmock/gmock.h>

#include <set>

namespace holdfast::restore {
namespace {

using base::Error;
using base::ErrorKind;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::int64_t hour = 3600;

/// Keeps what it saw.
class Watching final : public base::ProgressObserver {
public:
  void on_progress(const base::Progress& progress) override {
    const std::lock_guard lock(mutex_);
    seen.push_back(progress);
  }
  void on_warning(const std::string&) override {}
  std::vector<base::Progress> seen;

private:
  std::mutex mutex_;
};

class ThawTest : public testing::Test {
protected:
  static constexpr std::size_t packs = 20;

  ThawTest() {
    for (std::size_t i = 0; i < packs; ++i) {
      const auto id = base::PackId::from_hex(fmt::format("{:064x}", i + 1));
      const auto name = repository::pack_object_name(id);
      for (auto* store : {store_.get(), copy_.get()})
        EXPECT_EQ(storage::put(*store, name, base::as_bytes("content")),
                  storage::PutOutcome::stored);
      needed_.push_back({id, 7});
      if (i % 2 == 0) {
        EXPECT_TRUE(store_->tiers()->move(name, storage::MemoryTiers::archive_class));
      }
    }
  }

  base::Sleeper sleeper() {
    return [this](double seconds) {
      waits_.push_back(seconds);
      clock_.advance_seconds(static_cast<std::int64_t>(seconds + 1));
      if (waits_.size() == cancel_at_) throw base::Cancelled();
    };
  }
  ThawReport thaw(std::span<const FrozenPack> frozen, storage::Backend& store) {
    return restore::thaw(store, frozen, {}, clock_, sleeper(), watching_, {});
  }

  base::ManualClock clock_{{1'800'000'000, 0}};
  std::unique_ptr<storage::Backend> store_ = storage::open_tiering_memory({clock_, 5 * hour});
  std::unique_ptr<storage::Backend> copy_ = storage::open_memory();
  std::vector<NeededPack> needed_;
  std::vector<double> waits_;
  std::size_t cancel_at_ = 0;
  base::SeededRandom random_{7};
  Watching watching_;
};

TEST_F(ThawTest, OnlyWhatIsNeededAndCannotBeReadIsFrozen) {
  EXPECT_TRUE(may_be_frozen(*store_));
  EXPECT_THAT(find_frozen(*store_, needed_, {}), SizeIs(packs / 2));
  const std::vector<NeededPack> some(needed_.begin(), needed_.begin() + 3);
  const auto frozen = find_frozen(*store_, some, {});
  ASSERT_THAT(frozen, SizeIs(2));
  EXPECT_EQ(frozen[0].storage_class, storage::MemoryTiers::archive_class);
  EXPECT_FALSE(frozen[0].is_thawing);
  EXPECT_FALSE(may_be_frozen(*copy_));
  EXPECT_THAT(find_frozen(*copy_, needed_, {}), IsEmpty());
}

TEST_F(ThawTest, WhatAnotherCopyHasIsNotFrozen) {
  std::vector<std::string> told;
  const auto both = storage::with_fallbacks(
      *store_, {{"copy", [this] { return storage::with_retries(*copy_, {}, random_, {}); }}},
      [&](const std::string& text) { told.push_back(text); });
  EXPECT_THAT(find_frozen(*both, needed_, {}), IsEmpty());
  EXPECT_THAT(told, SizeIs(1)) << "said once, not for each pack";
}

TEST_F(ThawTest, AllAreAskedForAtOnceAndWaitedFor) {
  const auto frozen = find_frozen(*store_, needed_, {});
  const auto report = thaw(frozen, *store_);
  EXPECT_EQ(report.asked, packs / 2);
  EXPECT_EQ(report.under_way, 0U);
  EXPECT_EQ(report.bytes, 7 * packs / 2);
  EXPECT_GE(report.seconds_waited, 5 * hour);
  EXPECT_LT(report.seconds_waited, 5 * hour + 400) << "looked at least every five minutes";
  EXPECT_LT(waits_.size(), 100U);
  EXPECT_THAT(find_frozen(*store_, needed_, {}), IsEmpty());
  EXPECT_EQ(watching_.seen.back().items_done, packs / 2);
  EXPECT_EQ(watching_.seen.front().items_done, 0U);
}

TEST_F(ThawTest, ACancelledRunIsGoneOnWith) {
  cancel_at_ = 5;
  EXPECT_THROW(thaw(find_frozen(*store_, needed_, {}), *store_), base::Cancelled);
  cancel_at_ = 0;
  const auto frozen = find_frozen(*store_, needed_, {});
  ASSERT_THAT(frozen, SizeIs(packs / 2));
  EXPECT_TRUE(frozen[0].is_thawing);
  const auto report = thaw(frozen, *store_);
  EXPECT_EQ(report.asked, 0U);
  EXPECT_EQ(report.under_way, packs / 2);
}

TEST_F(ThawTest, AThawThatNeverEndsIsGivenUp) {
  const auto stuck = storage::open_tiering_memory({clock_, 1'000'000 * hour});
  const auto name = repository::pack_object_name(needed_[0].id);
  EXPECT_EQ(storage::put(*stuck, name, base::as_bytes("content")), storage::PutOutcome::stored);
  stuck->tiers()->move(name, storage::MemoryTiers::archive_class);
  const auto frozen = find_frozen(*stuck, needed_, {});
  try {
    thaw(frozen, *stuck);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  }
}

TEST(RestoreOfFrozenPacks, AFrozenPackEndsTheRunAndIsNoDamage) {
  TestingRepository repository;
  const std::string content(200'000, 'x');
  const auto snapshot = repository.commit({repository.item("/a", repository.file("a", content))});
  const Sandbox sandbox;
  base::NoProgress progress;
  RestoreRequest request;
  request.dry_run = true;
  const auto plan = run_restore(repository.get(), snapshot, request, progress, {}).plan;
  EXPECT_THAT(plan.needed, SizeIs(1));
  EXPECT_EQ(plan.bytes_to_write, content.size());
  repository.tamper = [](const std::string& name, std::uint64_t, base::MutableBytes) {
    if (name.starts_with("packs/")) throw Error(ErrorKind::frozen, "it must be thawed");
  };
  try {
    run_restore(repository.get(), snapshot, request_into(sandbox.target()), progress, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::frozen);
  }
}

}  // namespace
}  // namespace holdfast::restore
