#include "kept_lease.hpp"

#include "base/error.hpp"
#include "repository/repository_testing.hpp"
#include "storage/wrappers/faulty_backend.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace holdfast::repository {
namespace {

using base::Error;
using base::ErrorKind;
using storage::Operation;

/// Can be moved while others look at it.
class MovedClock final : public base::Clock {
public:
  base::WallTime wall_now() const override { return {start_seconds + seconds_, 0}; }
  base::Instant now() const override { return {seconds_ * 1'000'000'000}; }
  void advance_seconds(std::int64_t seconds) { seconds_ += seconds; }

private:
  static constexpr std::int64_t start_seconds = 1'763'776'800;
  std::atomic<std::int64_t> seconds_ = 0;
};

constexpr std::int64_t day_seconds = 86'400;

class KeptLeaseTest : public testing::Test {
protected:
  LeaseStore store(storage::Backend& backend) {
    const auto& of = *repository_.repository;
    return {backend, of.id(), of.keys(), clock_, random_};
  }
  /// Looked at several times a second.
  static LeaseOptions options() { return {.purpose = "backup", .duration_seconds = 1}; }

  TestRepository repository_;
  storage::Backend& memory_ = *repository_.memory;
  MovedClock clock_;
  base::SeededRandom random_{1};
};

TEST_F(KeptLeaseTest, ALaptopThatWakesUpWithoutNetworkKeepsIt) {
  std::atomic<bool> asleep = false;
  std::atomic<int> refused = 0;
  std::promise<void> renewed;
  const auto away =
      storage::with_faults(memory_,
                           [&](Operation operation, const std::string& name,
                               std::uint64_t) -> std::optional<storage::Fault> {
                             if (!asleep) return std::nullopt;
                             if (refused < 3) {
                               ++refused;
                               return storage::Fault{.kind = ErrorKind::unavailable};
                             }
                             if (operation == Operation::commit && name.ends_with(".1"))
                               renewed.set_value();
                             return std::nullopt;
                           });
  std::atomic<bool> lost = false;
  KeptLease lease(store(*away), options(), Renewal::by_thread,
                  [&](const std::exception_ptr&) { lost = true; });
  clock_.advance_seconds(day_seconds);
  asleep = true;
  renewed.get_future().wait();
  EXPECT_FALSE(lost);
  EXPECT_EQ(refused, 3);
  lease->commit(base::SnapshotId(), {});
}

TEST_F(KeptLeaseTest, OneThatWasTakenAwayIsToldOnce) {
  std::promise<ErrorKind> told;
  KeptLease lease(store(memory_), options(), Renewal::by_thread,
                  [&](const std::exception_ptr& why) {
                    try {
                      std::rethrow_exception(why);
                    } catch (const Error& error) {
                      told.set_value(error.kind());
                    }
                  });
  const auto seen = list_leases(store(memory_));
  ASSERT_EQ(seen.size(), 1U);
  ASSERT_TRUE(revoke_lease(store(memory_), seen.front()));
  clock_.advance_seconds(day_seconds);
  EXPECT_EQ(told.get_future().get(), ErrorKind::conflict);
  EXPECT_THROW(lease->commit(base::SnapshotId(), {}), Error);
}

}  // namespace
}  // namespace holdfast::repository
