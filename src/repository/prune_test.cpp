#include "repository/prune.hpp"

#include "base/error.hpp"
#include "kept_lease.hpp"
#include "lease.hpp"
#include "repository/check.hpp"
#include "repository/collection_testing.hpp"
#include "tomb.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <numeric>

namespace holdfast::repository {
namespace {

using base::Bytes;
using base::Error;
using base::ErrorKind;
using testing::IsEmpty;
using testing::SizeIs;

class PruneTest : public ::testing::Test, protected CollectionRepository {};

TEST_F(PruneTest, NothingIsDeletedWhileEverythingIsNeeded) {
  back_up(*repository, "a", files({1, 2, 3}));
  const auto before = names("packs/");
  const auto planned = plan_prune(*repository, options(), progress, {});
  EXPECT_TRUE(planned.empty());
  EXPECT_TRUE(prune(*repository).finished());
  EXPECT_EQ(names("packs/"), before);
  EXPECT_EQ(planned.pages_read, 0U);
  expect_all_restore();
}

TEST_F(PruneTest, WhatOnlyAForgottenSnapshotNeededGoes) {
  const auto first = back_up(*repository, "a", files({1, 2, 3}));
  back_up(*repository, "a", files({3, 4}));
  forget(*repository, first);
  const auto planned = plan_prune(*repository, options(), progress, {});
  EXPECT_FALSE(planned.empty());
  EXPECT_GT(planned.bytes_freed(), 0U);
  const auto report = prune(*repository);
  EXPECT_TRUE(report.finished());
  EXPECT_GT(report.packs_deleted, 0U);
  EXPECT_THAT(names("tombs/"), IsEmpty());
  EXPECT_THAT(names("leases/"), IsEmpty());
  expect_all_restore();
  EXPECT_TRUE(plan_prune(*repository, options(), progress, {}).empty());
}

TEST_F(PruneTest, EverythingGoesWithTheLastSnapshot) {
  const auto only = back_up(*repository, "a", files({1, 2, 3}));
  forget(*repository, only);
  prune(*repository);
  EXPECT_THAT(names("packs/"), IsEmpty());
  EXPECT_THAT(names("index/"), IsEmpty());
}

TEST_F(PruneTest, AMostlyDeadPackIsWrittenAnew) {
  const auto first = back_up(*repository, "a", files({1, 2, 3, 4, 5, 6, 7, 8}));
  back_up(*repository, "a", files({1}));
  forget(*repository, first);
  const auto report = prune(*repository);
  EXPECT_GT(report.packs_repacked, 0U);
  EXPECT_TRUE(report.finished());
  expect_all_restore();
  EXPECT_TRUE(plan_prune(*reopen(), options(), progress, {}).empty());
}

/// Notes what a person would be told. Any thread.
class Warnings final : public base::ProgressObserver {
public:
  void on_progress(const base::Progress& progress) override {
    const std::lock_guard lock(mutex_);
    if (progress.phase == "repack") moved_ = std::max(moved_, progress.items_done);
  }
  void on_warning(const std::string& message) override {
    const std::lock_guard lock(mutex_);
    texts_.push_back(message);
  }
  std::vector<std::string> texts() const { return texts_; }
  std::uint64_t moved() const { return moved_; }

private:
  std::mutex mutex_;
  std::vector<std::string> texts_;
  std::uint64_t moved_ = 0;
};

std::vector<int> numbers_below(int end) {
  std::vector<int> numbers(static_cast<std::size_t>(end));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

TEST_F(PruneTest, SeveralThreadsMoveWhatIsNeeded) {
  auto wanted = options();
  wanted.threads = 4;
  const auto first = back_up(*repository, "a", files(numbers_below(60)));
  back_up(*repository, "a", files({1, 7, 13, 22, 31, 38, 45, 52, 59}));
  forget(*repository, first);
  const auto planned = plan_prune(*repository, wanted, progress, {});
  ASSERT_GT(planned.repacked.size(), 4U);
  const auto report = apply_prune(*repository, planned, wanted, progress, {});
  EXPECT_EQ(report.packs_repacked, planned.repacked.size());
  EXPECT_TRUE(report.finished());
  expect_all_restore();
  EXPECT_TRUE(plan_prune(*reopen(), wanted, progress, {}).empty());
}

TEST_F(PruneTest, ADamagedPackStaysAndOthersAreMoved) {
  for (const unsigned threads : {1U, 3U}) {
    CollectionRepository fresh;
    auto wanted = fresh.options();
    wanted.threads = threads;
    const auto first = fresh.back_up(*fresh.repository, "a", files(numbers_below(40)));
    fresh.back_up(*fresh.repository, "a", files({1, 7, 13, 22, 31, 38}));
    fresh.forget(*fresh.repository, first);
    const auto planned = plan_prune(*fresh.repository, wanted, progress, {});
    ASSERT_GT(planned.repacked.size(), 2U);
    const auto damaged =
        std::ranges::find(planned.repacked, pipeline::PackKind::data, &PrunePack::kind);
    ASSERT_NE(damaged, planned.repacked.end());
    const auto hex = damaged->id.hex();
    const auto name = "packs/" + hex.substr(0, 2) + "/" + hex;
    const auto whole = fresh.object(name);
    auto bytes = whole;
    std::fill(bytes.begin() + 192,
              bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() * 3 / 8),
              std::byte{0});  // segments: behind them is as much parity
    fresh.replace(name, bytes);
    Warnings seen;
    const auto report = apply_prune(*fresh.repository, planned, wanted, seen, {});
    EXPECT_THAT(seen.texts(), testing::ElementsAre(testing::HasSubstr(damaged->id.short_hex())));
    EXPECT_EQ(seen.moved(), planned.repacked.size());
    EXPECT_EQ(report.packs_repacked, planned.repacked.size() - 1);
    EXPECT_TRUE(fresh.memory->stat(name)) << "what is damaged may still be mended";
    fresh.replace(name, whole);
    fresh.expect_all_restore();
    fresh.prune(*fresh.reopen());
    fresh.expect_all_restore();
    EXPECT_FALSE(fresh.memory->stat(name));
  }
}

TEST_F(PruneTest, ARunThatIsUnderWayKeepsWhatItMayRelyOn) {
  const auto first = back_up(*repository, "a", files({1, 2}));
  const auto other = reopen();
  auto running = begin(*other, "b");
  forget(*repository, first);
  const auto report = prune(*repository);
  EXPECT_FALSE(report.finished());
  EXPECT_THAT(report.waiting, SizeIs(1));
  EXPECT_EQ(report.packs_deleted, 0U);
  // It finds the chunks of the forgotten snapshot, and they stay. What is needed of a pack that was
  // once in a tomb is moved: nobody can know whether somebody is about to delete it.
  finish(*running, files({1, 2}));
  expect_all_restore();
  const auto again = prune(*repository);
  EXPECT_GT(again.packs_repacked, 0U);
  EXPECT_TRUE(again.finished());
  EXPECT_THAT(names("tombs/"), IsEmpty());
  expect_all_restore();
}

TEST_F(PruneTest, ARunThatBeginsAfterTheTombStoresAgain) {
  const auto first = back_up(*repository, "a", files({1, 2}));
  const auto other = reopen();
  auto running = begin(*other, "b");
  forget(*repository, first);
  EXPECT_FALSE(prune(*repository).finished());
  back_up(*reopen(), "c", files({1, 2}));
  abandon(*running);
  EXPECT_TRUE(prune(*repository).finished());
  expect_all_restore();
}

// PSA-2025-00019-1 of another product: marking had passed a group, a snapshot that used chunks of
// its parent came, and the parent was forgotten before its group was reached.
// Here at every call that the prune makes.
TEST_F(PruneTest, gc_new_snapshot_then_prune_parent_during_mark) {
  for (std::uint64_t when = 1; when < 400; ++when) {
    CollectionRepository fresh;
    const auto old = fresh.back_up(*fresh.repository, "a", files({9}));
    const auto parent = fresh.back_up(*fresh.repository, "a", files({1, 2}));
    fresh.forget(*fresh.repository, old);
    const auto other = fresh.behind();
    std::uint64_t calls = 0;
    fresh.plan = [&](storage::Operation, const std::string&, std::uint64_t) {
      if (++calls == when) {
        fresh.back_up_on(*other, "a", parent);
        fresh.forget(*other, parent);
      }
      return std::nullopt;
    };
    fresh.prune(*fresh.repository);
    fresh.plan = nullptr;
    fresh.expect_all_restore();
    fresh.prune(*fresh.repository);
    fresh.expect_all_restore();
    if (calls < when) return;
  }
  FAIL() << "the prune never came to its end";
}

// The same with a parent that comes and goes while a tomb waits.
TEST_F(PruneTest, AChainOfRunsOnWhatATombNames) {
  for (std::uint64_t when = 1; when < 400; ++when) {
    CollectionRepository fresh;
    const auto old = fresh.back_up(*fresh.repository, "a", files({1, 2}));
    const auto one = fresh.behind();
    auto early = fresh.begin(*one, "b");
    fresh.forget(*fresh.repository, old);
    EXPECT_FALSE(fresh.prune(*fresh.repository).finished());
    const auto parent = fresh.finish(*early, files({1, 2}));
    std::uint64_t calls = 0;
    const auto other = fresh.behind();
    std::unique_ptr<RunningBackup> late;
    fresh.plan = [&](storage::Operation, const std::string&, std::uint64_t) {
      if (++calls == when) {
        late = fresh.begin(*other, "c");
        late->session->builds_on(parent);
        late->snapshot.items = other->snapshots().load(parent).items;
        late->content = files({1, 2});
        fresh.forget(*other, parent);
      }
      return std::nullopt;
    };
    fresh.prune(*fresh.repository);
    fresh.plan = nullptr;
    if (late) {
      late->session->finish();
      fresh.commit(*late);
    }
    fresh.expect_all_restore();
    if (calls < when) return;
  }
  FAIL() << "the prune never came to its end";
}

// And with a run that takes over from the parent, and is committed before the leases are looked at
// again: only the second look at the snapshots shows that it was there.
TEST_F(PruneTest, ARunThatBeginsAndEndsWithinAPass) {
  for (const std::uint64_t length : {2U, 6U, 12U}) {
    for (std::uint64_t when = 1;; ++when) {
      ASSERT_LT(when, 400U) << "the prune never came to its end";
      CollectionRepository fresh;
      const auto old = fresh.back_up(*fresh.repository, "a", files({1, 2}));
      const auto one = fresh.behind();
      auto early = fresh.begin(*one, "b");
      fresh.forget(*fresh.repository, old);
      EXPECT_FALSE(fresh.prune(*fresh.repository).finished());
      const auto parent = fresh.finish(*early, files({1, 2}));
      std::uint64_t calls = 0;
      const auto other = fresh.behind();
      std::unique_ptr<RunningBackup> late;
      fresh.plan = [&](storage::Operation, const std::string&, std::uint64_t) {
        if (++calls == when) {
          late = fresh.begin(*other, "c");
          late->session->builds_on(parent);
          late->snapshot.items = other->snapshots().load(parent).items;
          late->content = files({1, 2});
          fresh.forget(*other, parent);
        } else if (calls == when + length) {
          late->session->finish();
          fresh.commit(*late);
          late.reset();
        }
        return std::nullopt;
      };
      fresh.prune(*fresh.repository);
      fresh.plan = nullptr;
      if (late) {
        late->session->finish();
        fresh.commit(*late);
      }
      fresh.expect_all_restore();
      if (calls < when) break;
    }
  }
}

// Two prunes that both found a copy of a chunk in a tomb of the other keep it all the same.
TEST_F(PruneTest, WhatIsInSeveralTombsStaysUntilItWasMoved) {
  const auto first = back_up(*repository, "a", files({1, 2}));
  const auto other = reopen();
  auto early = begin(*other, "b");
  forget(*repository, first);
  EXPECT_FALSE(prune(*repository).finished());
  // It stores again what is in a tomb, is forgotten, and is put into another tomb.
  const auto second = back_up(*reopen(), "c", files({1, 2}));
  forget(*repository, second);
  EXPECT_FALSE(prune(*repository).finished());
  EXPECT_THAT(names("tombs/"), SizeIs(2));
  finish(*early, files({1, 2}));
  // A pass alone deletes none of the copies, though nobody is under way.
  const auto before = names("packs/");
  auto chosen = options();
  PrunePlan nothing;
  EXPECT_FALSE(apply_prune(*repository, nothing, chosen, progress, {}).finished());
  EXPECT_EQ(names("packs/"), before);
  expect_all_restore();
  EXPECT_TRUE(prune(*repository).finished());
  EXPECT_THAT(names("tombs/"), IsEmpty());
  expect_all_restore();
}

// kopia #1949, #4769: BLOB not found after maintenance. A prune slept between reading an index
// segment and storing its successor, which names a pack that another prune moved meanwhile.
TEST_F(PruneTest, BlobNotFoundAfterMaintenance) {
  const auto first = back_up(*repository, "a", files({1, 2, 3, 4, 5, 6, 7, 8}));
  back_up(*repository, "a", files({1}));
  std::vector<std::pair<std::string, base::Bytes>> old_index;
  for (const auto& name : names("index/"))
    old_index.emplace_back(name, object(name));
  forget(*repository, first);
  EXPECT_GT(prune(*repository).packs_repacked, 0U);
  // What the sleeper stores: the names of packs that are gone, beside the new ones.
  for (const auto& [name, bytes] : old_index)
    static_cast<void>(storage::put(*memory, name, bytes));
  expect_all_restore();
  EXPECT_GT(plan_prune(*repository, options(), progress, {}).stale_packs, 0U);
  back_up(*reopen(), "b", files({1, 2}));
  expect_all_restore();
  EXPECT_TRUE(prune(*repository).finished());
  EXPECT_TRUE(plan_prune(*repository, options(), progress, {}).empty());
  expect_all_restore();
}

// A laptop sleeps in the middle of a backup; its lease expires, a prune gives up on it, and the
// backup goes on.
// restic #3126, #2452, #3984.
TEST_F(PruneTest, LeaseLostWhileAsleep) {
  const auto first = back_up(*repository, "a", files({1, 2}));
  const auto other = reopen();
  auto running = begin(*other, "b");
  store(*running, files({1, 2}));
  forget(*repository, first);
  clock.advance_seconds(24 * 3600);
  const auto report = prune(*repository);
  EXPECT_TRUE(report.finished());
  EXPECT_EQ(kind_of_failure([&] { commit(*running); }), ErrorKind::conflict);
  expect_all_restore();
  EXPECT_THAT(repository->snapshots().list(), IsEmpty());
}

// The maintainer that takes the lease away is done before the holder has looked who was first.
TEST_F(PruneTest, ALeaseThatIsClearedAwayInTheMiddleOfACommit) {
  const auto other = reopen();
  const auto maintainer = behind();
  auto running = begin(*other, "b");
  store(*running, files({1, 2}));
  const auto leases = lease_store_of(*maintainer);
  const auto seen = list_leases(leases).at(0);
  plan = [&](storage::Operation operation, const std::string& name, std::uint64_t) {
    if (operation == storage::Operation::commit && name.ends_with(".end")) {
      EXPECT_TRUE(revoke_lease(leases, seen));
    }
    if (operation == storage::Operation::read && name.ends_with(".end")) {
      remove_lease(leases, seen);
    }
    return std::optional<storage::Fault>();
  };
  EXPECT_EQ(kind_of_failure([&] { commit(*running); }), ErrorKind::conflict);
  plan = nullptr;
  EXPECT_THAT(repository->snapshots().list(), IsEmpty());
  EXPECT_THAT(names("leases/"), IsEmpty());
}

// The same when it wakes while the prune clears its lease away: before each object that goes.
TEST_F(PruneTest, ALeaseThatWasTakenAwayIsNeverFreeAgain) {
  for (std::uint64_t when = 1;; ++when) {
    CollectionRepository fresh;
    const auto first = fresh.back_up(*fresh.repository, "a", files({1, 2}));
    const auto other = fresh.behind();
    auto running = fresh.begin(*other, "b");
    running->session->builds_on(std::nullopt);
    CollectionRepository::store(*running, files({1, 2}));
    fresh.forget(*fresh.repository, first);
    fresh.clock.advance_seconds(24 * 3600);
    std::uint64_t calls = 0;
    std::optional<ErrorKind> ended;
    fresh.plan = [&](storage::Operation operation, const std::string& name, std::uint64_t) {
      const bool clears = operation == storage::Operation::remove && name.starts_with("leases/");
      if (clears && ++calls == when) ended = kind_of_failure([&] { fresh.commit(*running); });
      return std::nullopt;
    };
    fresh.prune(*fresh.repository);
    fresh.plan = nullptr;
    if (calls < when) break;
    EXPECT_EQ(ended, ErrorKind::conflict) << when;
    fresh.expect_all_restore();
  }
}

TEST_F(PruneTest, ASleeperWhoseLeaseNobodyWantedCommits) {
  const auto other = reopen();
  auto running = begin(*other, "b");
  store(*running, files({1, 2}));
  clock.advance_seconds(24 * 3600);
  commit(*running);
  EXPECT_TRUE(prune(*repository).finished());
  expect_all_restore();
}

TEST_F(PruneTest, ACommitThatDiedBeforeItsRecordWasStoredIsCompleted) {
  const auto other = reopen();
  auto running = begin(*other, "b");
  store(*running, files({1, 2}));
  plan = [](storage::Operation operation, const std::string& name, std::uint64_t) {
    using storage::Fault;
    const bool dies = operation == storage::Operation::create && name.starts_with("snapshots/");
    return dies || operation == storage::Operation::remove
               ? std::optional(Fault{Fault::When::before, ErrorKind::unavailable})
               : std::nullopt;
  };
  EXPECT_EQ(kind_of_failure([&] { commit(*running); }), ErrorKind::unavailable);
  running->session.reset();
  plan = nullptr;
  const auto report = prune(*repository);
  EXPECT_EQ(report.snapshots_completed, 1U);
  EXPECT_THAT(repository->snapshots().list(), SizeIs(1));
  expect_all_restore();
}

TEST_F(PruneTest, PacksOfARunThatDiedGo) {
  const auto other = reopen();
  auto running = begin(*other, "b");
  store(*running, files({1, 2, 3}), Indexed::no);
  EXPECT_FALSE(names("packs/").empty());
  clock.advance_seconds(24 * 3600);
  plan = [](storage::Operation, const std::string&, std::uint64_t) {
    return std::optional(storage::Fault{storage::Fault::When::before, ErrorKind::unavailable});
  };
  running->session.reset();  // dies: nothing it does reaches the store
  plan = nullptr;
  const auto report = prune(*repository);
  EXPECT_TRUE(report.finished());
  EXPECT_THAT(names("packs/"), IsEmpty());
  EXPECT_THAT(names("leases/"), IsEmpty());
}

TEST_F(PruneTest, WithoutReachObjectsThePagesAreRead) {
  const auto first = back_up(*repository, "a", files({1, 2, 3, 4, 5}));
  back_up(*repository, "a", files({1}));
  forget(*repository, first);
  for (const auto& name : names("reach/"))
    memory->remove(name);
  const auto planned = plan_prune(*repository, options(), progress, {});
  EXPECT_GT(planned.pages_read, 0U);
  EXPECT_TRUE(prune(*repository).finished());
  expect_all_restore();
  // What was read is described from then on.
  EXPECT_EQ(plan_prune(*repository, options(), progress, {}).pages_read, 0U);
}

TEST_F(PruneTest, ADamagedRecordStopsEverything) {
  const auto first = back_up(*repository, "a", files({1, 2}));
  back_up(*repository, "b", files({3}));
  forget(*repository, first);
  const auto name = names("snapshots/").front();
  flip(name, 60);
  EXPECT_EQ(kind_of_failure([&] { prune(*reopen()); }), ErrorKind::corrupt);
}

TEST_F(PruneTest, ALostPackThatIsNeededStopsEverything) {
  back_up(*repository, "a", files({1, 2}));
  memory->remove(names("packs/").front());
  EXPECT_EQ(kind_of_failure([&] { prune(*repository); }), ErrorKind::corrupt);
}

TEST_F(PruneTest, ALostPackIsStoredAgainByTheNextRun) {
  back_up(*repository, "a", files({1, 2}));
  for (const auto& name : names("packs/"))
    memory->remove(name);
  back_up(*reopen(), "a", files({1, 2}));
  prune(*repository);  // the index forgets what is gone
  expect_all_restore();
}

TEST_F(PruneTest, MayDieAtEveryCallAndIsRepeated) {
  for (std::uint64_t dies_at = 1; dies_at < 400; ++dies_at) {
    CollectionRepository fresh;
    const auto first = fresh.back_up(*fresh.repository, "a", files({1, 2, 3, 4, 5, 6}));
    fresh.back_up(*fresh.repository, "a", files({1, 7}));
    fresh.forget(*fresh.repository, first);
    std::uint64_t calls = 0;
    fresh.plan = [&](storage::Operation, const std::string&, std::uint64_t) {
      return ++calls >= dies_at
                 ? std::optional(storage::Fault{storage::Fault::When::before, ErrorKind::io})
                 : std::nullopt;
    };
    bool died = false;
    try {
      fresh.prune(*fresh.reopen());
    } catch (const Error&) {
      died = true;
    }
    fresh.plan = nullptr;
    fresh.clock.advance_seconds(24 * 3600);
    fresh.expect_all_restore();
    const auto again = fresh.prune(*fresh.reopen());
    EXPECT_TRUE(again.finished()) << dies_at;
    EXPECT_TRUE(plan_prune(*fresh.repository, fresh.options(), progress, {}).empty()) << dies_at;
    EXPECT_THAT(fresh.names("leases/"), IsEmpty()) << dies_at;
    EXPECT_THAT(fresh.names("tombs/"), IsEmpty()) << dies_at;
    fresh.expect_all_restore();
    if (!died) return;
  }
  FAIL() << "the prune never came to its end";
}

TEST_F(PruneTest, AFullStoreIsFreed) {
  const auto first = back_up(*repository, "a", files({1, 2, 3}));
  back_up(*repository, "b", files({4}));
  forget(*repository, first);
  // Not a byte fits until something was deleted; a name does.
  bool full = true;
  bool tried = false;
  plan = [&](storage::Operation operation, const std::string& name, std::uint64_t) {
    if (operation == storage::Operation::remove && name.starts_with("packs/")) full = false;
    const bool fits = !full || (name.starts_with("tombs/") && tried);
    if (operation != storage::Operation::append || fits) {
      return std::optional<storage::Fault>();
    }
    tried = true;
    return std::optional(storage::Fault{storage::Fault::When::before, ErrorKind::no_space});
  };
  const auto report = prune(*repository);
  plan = nullptr;
  EXPECT_TRUE(report.finished());
  EXPECT_GT(report.packs_deleted, 0U);
  EXPECT_THAT(names("tombs/"), IsEmpty());
  expect_all_restore();
}

}  // namespace
}  // namespace holdfast::repository
