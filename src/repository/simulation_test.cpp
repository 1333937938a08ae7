// Backups, forgets, prunes, readers and checks against each other, for as many seeds as wanted:
//   HOLDFAST_SIM_SEEDS=N  how many seeds each test takes
//   HOLDFAST_SIM_SEED=S   the first; with N=1 the way to repeat a failure
#include "collection_testing.hpp"
#include "reach.hpp"
#include "simulation_testing.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

namespace holdfast::repository {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::int64_t lease_seconds = 600;
constexpr int garbage_rounds_max = 3;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

/// What one process has open.
struct Opened {
  base::TemporaryDirectory cache{scratch_parent()};
  std::unique_ptr<storage::Backend> store;
  std::unique_ptr<Repository> repository;
};

class Race {
public:
  explicit Race(std::uint64_t seed);
  void run();
  const std::string& failure() const { return failure_; }

private:
  std::unique_ptr<Opened> open(SimulatedProcess& process);
  void live(SimulatedProcess& process);
  void act(SimulatedProcess& process, Opened& opened);
  void back_up(SimulatedProcess& process, Opened& opened);
  void store_tree(RunningBackup& run, const std::vector<int>& numbers,
                  const std::optional<base::SnapshotId>& parent);
  void forget(SimulatedProcess& process, Opened& opened);
  void read(SimulatedProcess& process, Opened& opened);
  void examine();
  void examine_snapshot(Repository& repository, const Snapshot& snapshot);
  PruneOptions prune_options(std::int64_t grace) const;
  void fail(const std::string& what) {
    if (failure_.empty()) failure_ = what;
  }
  std::vector<int> choose_numbers();
  std::optional<base::SnapshotId> choose_snapshot();

  static SimulationOptions options_for(std::uint64_t seed) {
    base::SeededRandom random(seed ^ 0x5eed);
    SimulationOptions options;
    options.lag_seconds = random.below(4) == 0 ? 30 : 0;
    options.fault_per_mille = random.below(3) == 0 ? 5 : 0;
    options.sleep_per_mille = static_cast<unsigned>(random.below(4)) * 2;
    options.switch_percent = 10 + static_cast<unsigned>(random.below(50));
    return options;
  }

  const SimulationOptions options_;
  Simulation world_;
  const base::Secret passphrase_{base::as_bytes("simulated")};
  base::NoProgress progress_;
  std::map<base::SnapshotId, std::vector<int>> acknowledged_;
  std::set<base::SnapshotId> maybe_forgotten_;
  std::uint64_t next_tag_ = 0;
  std::string failure_;
};

Race::Race(std::uint64_t seed) : options_(options_for(seed)), world_(seed, options_) {
  const auto first = world_.observer();
  base::TemporaryDirectory cache(scratch_parent());
  const Environment environment{first->clock(), first->random(), cache.path(), 1};
  Repository::create(first->store(), passphrase_,
                     {{1, crypto::PassphraseCost::memory_bytes_min}, "sim"}, environment);
  const auto opened = open(*first);
  for (std::uint64_t i = 0; i <= world_.choose(2); ++i)
    back_up(*first, *opened);
  const auto processes = 2 + world_.choose(3);
  for (std::uint64_t i = 0; i < processes; ++i) {
    auto& process = world_.add([this](SimulatedProcess& self) { live(self); });
    if (world_.choose(3) == 0) process.crash_after(world_.choose(150));
  }
}

std::unique_ptr<Opened> Race::open(SimulatedProcess& process) {
  auto opened = std::make_unique<Opened>();
  opened->store = storage::with_retries(
      process.store(), {.attempts_max = 3, .first_delay_seconds = 1}, process.random(),
      [&process](double seconds) { process.pause(static_cast<std::int64_t>(seconds) + 1); });
  const Environment environment{process.clock(), process.random(), opened->cache.path(), 1};
  opened->repository = Repository::open(*opened->store, passphrase_, environment);
  return opened;
}

std::vector<int> Race::choose_numbers() {
  std::set<int> numbers;
  for (std::uint64_t i = 0; i <= world_.choose(3); ++i)
    numbers.insert(static_cast<int>(world_.choose(6)));
  return {numbers.begin(), numbers.end()};
}

std::optional<base::SnapshotId> Race::choose_snapshot() {
  std::vector<base::SnapshotId> live;
  for (const auto& [id, numbers] : acknowledged_) {
    if (!maybe_forgotten_.contains(id)) live.push_back(id);
  }
  if (live.empty()) return std::nullopt;
  return live[world_.choose(live.size())];
}

PruneOptions Race::prune_options(std::int64_t grace) const {
  auto options = CollectionRepository::options();
  options.pack_size_target = 4000;
  options.grace_seconds = grace;
  options.lease_margin_seconds = 60;
  options.compression_level = 1;
  return options;
}

void Race::live(SimulatedProcess& process) {
  for (int actions = 0; actions < 3; ++actions) {
    try {
      const auto opened = open(process);
      act(process, *opened);
    } catch (const SimulatedCrash&) {
      return;
    } catch (const Error& error) {
      // A lost lease, a prune that meets lagging listings, a store that does not answer: all are
      // allowed to end a run. What was promised before is examined at the end.
      const bool damage = error.kind() == ErrorKind::corrupt && options_.lag_seconds == 0;
      if (damage) fail(fmt::format("damage: {}", error.what()));
    }
  }
}

void Race::act(SimulatedProcess& process, Opened& opened) {
  switch (world_.choose(8)) {
    case 0:
    case 1:
    case 2:
      return back_up(process, opened);
    case 3:
    case 4:
      return forget(process, opened);
    case 5:
      return read(process, opened);
    default:
      const auto grace = options_.lag_seconds;
      auto options = prune_options(grace);
      options.sleep = [&process](std::int64_t seconds) { process.pause(seconds); };
      apply_prune(*opened.repository, plan_prune(*opened.repository, options, progress_, {}),
                  options, progress_, {});
  }
}

/// Either everything anew, or some files anew beside a directory taken over from a parent.
void Race::back_up(SimulatedProcess& process, Opened& opened) {
  RunningBackup run;
  run.repository = opened.repository.get();
  WriteOptions options = CollectionRepository::write_options();
  options.pack_size_target = 4000;
  options.lease_seconds = lease_seconds;
  options.parity_percent = 0;
  run.session = std::make_unique<WriteSession>(*opened.repository, options);
  auto parent = world_.choose(2) == 0 ? choose_snapshot() : std::nullopt;
  if (parent && !opened.repository->snapshots().exists(*parent)) parent.reset();
  run.session->builds_on(parent);
  const auto numbers = choose_numbers();
  auto all = numbers;
  if (parent) {
    const auto& taken_over = acknowledged_.at(*parent);
    all.insert(all.end(), taken_over.begin(), taken_over.end());
    std::ranges::sort(all);
    all.erase(std::unique(all.begin(), all.end()), all.end());
  }
  store_tree(run, numbers, parent);
  run.session->finish();
  run.snapshot.site = "sim";
  run.snapshot.started = process.clock().wall_now();
  run.snapshot.tags = {std::to_string(next_tag_++)};
  const auto id = run.session->commit(run.snapshot);
  acknowledged_[id] = all;
}

void Race::store_tree(RunningBackup& run, const std::vector<int>& numbers,
                      const std::optional<base::SnapshotId>& parent) {
  store_files(run, files(numbers, 1500));
  if (!parent) return;
  // The items of the parent stand behind ours as they are: nothing of them is claimed or read.
  const auto before = run.repository->snapshots().load(*parent);
  for (const auto& item : before.items)
    run.snapshot.items.push_back(item);
}

void Race::forget(SimulatedProcess& process, Opened& opened) {
  const auto id = choose_snapshot();
  if (!id) return;
  maybe_forgotten_.insert(*id);
  opened.repository->snapshots().forget({*id}, process.clock().wall_now(), "sim");
}

/// Reads a snapshot while others delete: it is there to its end unless somebody forgets it.
void Race::read(SimulatedProcess&, Opened& opened) {
  const auto id = choose_snapshot();
  if (!id) return;
  const auto snapshot = opened.repository->snapshots().load(*id);
  try {
    static_cast<void>(opened.repository->fresh_index());
    examine_snapshot(*opened.repository, snapshot);
  } catch (const Error& error) {
    const bool excused = maybe_forgotten_.contains(*id) || options_.lag_seconds > 0 ||
                         error.kind() != ErrorKind::corrupt;
    if (!excused) fail(fmt::format("reading {}: {}", id->short_hex(), error.what()));
  }
}

void Race::examine_snapshot(Repository& repository, const Snapshot& snapshot) {
  std::set<int> found;
  for (const auto& item : snapshot.items) {
    Snapshot alone;
    alone.items = {item};
    for (const auto& [name, bytes] : read_files(repository, alone)) {
      const auto number = std::stoi(name.substr(1));
      found.insert(number);
      if (bytes != files({number}, 1500).at(name)) fail("a file has other bytes");
    }
  }
  const auto promised = acknowledged_.find(snapshot.id);
  if (promised == acknowledged_.end()) return;
  if (!std::ranges::equal(found, promised->second)) fail("a snapshot has other files");
}

/// The invariants, when all is quiet.
void Race::examine() {
  world_.pass_time(24 * 3600);
  const auto last = world_.observer();
  const auto opened = open(*last);
  auto& repository = *opened->repository;
  // A prune comes first: one that slept in the middle of writing an index segment may have named a
  // pack again that was moved, which hides the copy until the next prune sees it.
  const auto options = prune_options(0);
  // What was marked and is needed after all stands as it is until the next one.
  for (int round = 0; round < garbage_rounds_max; ++round) {
    const auto plan = plan_prune(repository, options, progress_, {});
    const auto report = apply_prune(repository, plan, options, progress_, {});
    if (!report.finished()) fail("I6: a prune when all was quiet did not finish");
  }
  if (!plan_prune(repository, options, progress_, {}).empty()) fail("I6: garbage stays");
  if (!world_.names("leases/").empty()) fail("I6: leases stay");
  if (!world_.names("tombs/").empty()) fail("I6: tombs stay");
  const auto after = open(*last);
  std::set<std::string> tags;
  std::set<base::SnapshotId> left;
  for (const auto& snapshot : after->repository->snapshots().list()) {
    examine_snapshot(*after->repository, snapshot);  // I3
    left.insert(snapshot.id);
    if (!tags.insert(snapshot.tags.at(0)).second) fail("I10: a run committed twice");
  }
  for (const auto& [id, numbers] : acknowledged_) {
    if (!maybe_forgotten_.contains(id) && !left.contains(id)) {
      fail("I1: an acknowledged snapshot is gone");
    }
  }
}

void Race::run() {
  try {
    world_.run();
    examine();
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

/// Four tests, so that they run beside each other; together the ten thousand.
class Simulator : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(Simulator, NothingThatWasPromisedIsLost) {
  const auto count = from_environment("HOLDFAST_SIM_SEEDS", 2500);
  const auto first = from_environment("HOLDFAST_SIM_SEED", 1) + GetParam() * 1'000'000'000;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    Race race(seed);
    race.run();
    ASSERT_EQ(race.failure(), "") << "repeat it: HOLDFAST_SIM_SEEDS=1 HOLDFAST_SIM_SEED="
                                  << seed - GetParam() * 1'000'000'000
                                  << " repository_tests --gtest_filter='*Simulator*/" << GetParam()
                                  << "'";
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Simulator, ::testing::Values(0U, 1U, 2U, 3U));

}  // namespace
}  // namespace holdfast::repository
