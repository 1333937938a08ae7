// Backups, forgets, prunes, readers, checks, repairs and key rotations against each other, for as
// many seeds as wanted:
//   HOLDFAST_SIM_SEEDS=N  how many seeds each of the four tests takes
//   HOLDFAST_SIM_SEED=S   the first; with N=1 the way to repeat a failure
#include "reach.hpp"
#include "repository/collection_testing.hpp"
#include "repository/key_ring.hpp"
#include "repository/reader_lease.hpp"
#include "repository/repair.hpp"
#include "simulation_testing.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <set>

namespace holdfast::repository {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::int64_t lease_seconds = 600;
/// A reader's lease certainly holds for so long: its time less what clocks may differ by.
constexpr std::int64_t reader_lease_seconds = 500;
constexpr int actions_max = 3;
/// Those before it are readers, checks, repairs and rotations.
constexpr std::uint64_t action_of_narrow_worlds = 5;
constexpr int garbage_rounds_max = 4;
/// Sanitizers make a seed twenty times slower, and look for mistakes that few seeds show as well.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t seeds_default = 50;
#else
constexpr std::uint64_t seeds_default = 2500;
#endif

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

SimulationOptions options_for(std::uint64_t seed) {
  base::SeededRandom random(seed ^ 0x5eed);
  SimulationOptions options;
  options.lag_seconds = random.below(4) == 0 ? 30 : 0;
  options.fault_per_mille = random.below(3) == 0 ? 5 : 0;
  options.sleep_per_mille = static_cast<unsigned>(random.below(4)) * 2;
  options.switch_percent = 10 + static_cast<unsigned>(random.below(50));
  return options;
}

/// What one process has open.
struct Opened {
  std::unique_ptr<storage::Backend> store;
  std::unique_ptr<Repository> repository;
};

/// A machine keeps its cache, and the heads that it saw, from one process to the next.
struct Machine {
  base::TemporaryDirectory cache{scratch_parent()};
};

class Race {
public:
  Race(std::uint64_t seed, SimulationOptions options);
  void run();
  const std::string& failure() const { return failure_; }

private:
  std::unique_ptr<Opened> open(SimulatedProcess& process, const Machine& machine);
  void live(SimulatedProcess& process, const Machine& machine);
  void act(SimulatedProcess& process, Opened& opened);
  void back_up(SimulatedProcess& process, Opened& opened);
  void store_tree(RunningBackup& run, const std::vector<int>& numbers,
                  const std::optional<base::SnapshotId>& parent);
  void forget(SimulatedProcess& process, Opened& opened);
  void prune(SimulatedProcess& process, Opened& opened);
  void read(SimulatedProcess& process, Opened& opened);
  void check_all(SimulatedProcess& process, Opened& opened);
  void note_error(const Error& error);
  void examine();
  void examine_all(Repository& repository);
  void expect_no_accusation(Repository& repository);
  void examine_snapshot(Repository& repository, const Snapshot& snapshot);
  void collect_garbage(Repository& repository);
  PruneOptions prune_options(std::int64_t grace) const;
  void fail(const std::string& what) {
    if (failure_.empty()) failure_ = what;
  }
  std::vector<int> choose_numbers();
  std::optional<base::SnapshotId> choose_snapshot();

  /// Without parity: what it costs for packs of one kilobyte buys nothing here.
  static CreateOptions create_options() {
    return {
        .cost = {1, crypto::PassphraseCost::memory_bytes_min}, .label = "sim", .parity_percent = 0};
  }
  const SimulationOptions options_;
  Simulation world_;
  const bool narrow_;
  const base::Secret passphrase_{base::as_bytes("simulated")};
  base::NoProgress progress_;
  std::deque<Machine> machines_;
  std::map<base::SnapshotId, std::vector<int>> acknowledged_;
  std::set<base::SnapshotId> maybe_forgotten_;
  std::uint64_t next_tag_ = 0;
  std::string failure_;
};

Race::Race(std::uint64_t seed, SimulationOptions options)
    : options_(options), world_(seed, options_), narrow_(world_.choose(2) == 0) {
  const auto first = world_.observer();
  const auto& machine = machines_.emplace_back();
  const Environment environment{first->clock(), first->random(), machine.cache.path(), 1};
  Opened opened;
  opened.repository =
      Repository::create(first->store(), passphrase_, create_options(), environment);
  for (std::uint64_t i = 0; i <= world_.choose(2); ++i)
    back_up(*first, opened);
  const auto processes = 2 + world_.choose(3);
  for (std::uint64_t i = 0; i < processes; ++i) {
    const auto& own = machines_.emplace_back();
    auto& process = world_.add([this, &own](SimulatedProcess& self) { live(self, own); });
    if (world_.choose(3) == 0) process.crash_after(world_.choose(150));
  }
}

std::unique_ptr<Opened> Race::open(SimulatedProcess& process, const Machine& machine) {
  auto opened = std::make_unique<Opened>();
  opened->store = storage::with_retries(
      process.store(), {.attempts_max = 3, .first_delay_seconds = 1}, process.random(),
      [&process](double seconds) { process.pause(static_cast<std::int64_t>(seconds) + 1); });
  const Environment environment{process.clock(), process.random(), machine.cache.path(), 1};
  opened->repository = Repository::open(*opened->store, passphrase_, environment);
  return opened;
}

std::vector<int> Race::choose_numbers() {
  std::set<int> numbers;
  for (std::uint64_t i = 0; i <= world_.choose(3); ++i)
    numbers.insert(static_cast<int>(world_.choose(narrow_ ? 3 : 6)));
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

/// A process that dies is followed by another on the same machine.
void Race::live(SimulatedProcess& process, const Machine& machine) {
  std::unique_ptr<Opened> opened;
  for (int actions = 0; actions < actions_max; ++actions) {
    try {
      if (!opened || world_.choose(4) == 0) opened = open(process, machine);
      act(process, *opened);
      continue;
    } catch (const SimulatedCrash&) {
      opened.reset();
      process.restart();
    } catch (const Error& error) {
      opened.reset();
      note_error(error);
    }
  }
}

/// A lost lease, a prune that meets lagging listings, a store that does not answer: all are allowed
/// to end a run. What was promised before is examined at the end.
void Race::note_error(const Error& error) {
  const bool accuses = error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::tampered;
  if (accuses && options_.lag_seconds == 0) fail(fmt::format("damage: {}", error.what()));
}

void Race::act(SimulatedProcess& process, Opened& opened) {
  // Half of the worlds are narrow: all do what the protocol is about, with the same few files.
  const auto first = narrow_ ? action_of_narrow_worlds : 0;
  switch (first + world_.choose(20 - first)) {
    case 0:
      return check_all(process, opened);
    case 1: {
      const auto planned = plan_repair(*opened.repository, {.threads = 1}, progress_, {});
      apply_repair(*opened.repository, planned, {.threads = 1}, progress_, {});
      return;
    }
    case 2:
      rotate_epoch(*opened.repository);
      return;
    case 3:
    case 4:
      return read(process, opened);
    case 5:
    case 6:
    case 7:
    case 8:
      return forget(process, opened);
    case 9:
    case 10:
    case 11:
    case 12:
    case 13:
      return prune(process, opened);
    default:
      return back_up(process, opened);
  }
}

void Race::prune(SimulatedProcess& process, Opened& opened) {
  auto options = prune_options(options_.lag_seconds);
  options.sleep = [&process](std::int64_t seconds) { process.pause(seconds); };
  options.reencrypt = world_.choose(4) == 0;
  apply_prune(*opened.repository, plan_prune(*opened.repository, options, progress_, {}), options,
              progress_, {});
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

/// Reads a snapshot while others delete: as long as the lease holds it is there to its end, unless
/// it was forgotten before.
void Race::read(SimulatedProcess& process, Opened& opened) {
  const auto id = choose_snapshot();
  if (!id) return;
  const auto began = process.clock().now();
  const ReaderLease lease(*opened.repository, "restore", ReaderLease::Renewing::never);
  const auto snapshot = opened.repository->snapshots().load(*id);
  try {
    static_cast<void>(opened.repository->fresh_index());
    examine_snapshot(*opened.repository, snapshot);
  } catch (const Error& error) {
    const bool held =
        base::seconds_between(began, process.clock().now()) < double{reader_lease_seconds};
    const bool gone = error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::not_found;
    const bool excused = !held || options_.lag_seconds > 0 || maybe_forgotten_.contains(*id);
    if (gone && !excused) fail(fmt::format("reading {}: {}", id->short_hex(), error.what()));
  }
}

/// Finds nothing wrong, whatever others are doing.
void Race::check_all(SimulatedProcess& process, Opened& opened) {
  const auto began = process.clock().now();
  const CheckOptions options{.read_data = world_.choose(2) == 0, .threads = 1};
  const auto report = check(*opened.repository, options, progress_, {});
  const bool held =
      base::seconds_between(began, process.clock().now()) < double{reader_lease_seconds};
  if (report.clean() || options_.lag_seconds > 0) return;
  const auto& problem = report.problems.front();
  if (held || report.tampered) fail(fmt::format("check: {}: {}", problem.object, problem.message));
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

/// A few prunes leave nothing behind: what was marked and is needed after all is moved by the next
/// one, and of what two of them moved at once one copy goes.
void Race::collect_garbage(Repository& repository) {
  const auto options = prune_options(0);
  PrunePlan plan;
  for (int round = 0; round < garbage_rounds_max; ++round) {
    plan = plan_prune(repository, options, progress_, {});
    const bool clean = world_.names("leases/").empty() && world_.names("tombs/").empty();
    if (clean && plan.empty()) return;
    apply_prune(repository, plan, options, progress_, {});
  }
  fail(fmt::format(
      "I6: garbage stays: {} packs to delete, {} to write anew, {} stale, {} tombs, {} leases",
      plan.deleted.size(), plan.repacked.size(), plan.stale_packs, world_.names("tombs/").size(),
      world_.names("leases/").size()));
}

void Race::examine_all(Repository& repository) {
  static_cast<void>(repository.fresh_index());
  std::set<std::string> tags;
  std::set<base::SnapshotId> left;
  for (const auto& snapshot : repository.snapshots().list()) {
    examine_snapshot(repository, snapshot);  // I3
    left.insert(snapshot.id);
    if (!tags.insert(snapshot.tags.at(0)).second) fail("I10: a run committed twice");
  }
  for (const auto& [id, numbers] : acknowledged_) {
    if (!maybe_forgotten_.contains(id) && !left.contains(id)) {
      fail("I1: an acknowledged snapshot is gone");
    }
  }
}

/// Nobody tampered, so no machine may say so.
void Race::expect_no_accusation(Repository& repository) {
  for (const auto& machine : machines_) {
    const auto memory = machine.cache.path() + repository.cache_directory().substr(
                                                   repository.environment().cache_directory.size());
    const SnapshotStore seen(repository.backend(), repository.id(), repository.keys(),
                             repository.environment().random, memory);
    for (const auto& lost : seen.lost_records())
      fail(fmt::format("I5: {}: {}", lost.object, lost.message));
  }
}

/// The invariants, when all is quiet, as a machine that was never here sees it: before anything is
/// tidied up, and after it.
void Race::examine() {
  world_.pass_time(24 * 3600);
  const auto last = world_.observer();
  const Machine machine;
  const auto opened = open(*last, machine);
  auto& repository = *opened->repository;
  examine_all(repository);
  expect_no_accusation(repository);
  collect_garbage(repository);
  examine_all(repository);
  // Contents were read a moment ago; the check looks at the rest, the chains of records included.
  const auto report = check(repository, {.threads = 1}, progress_, {});
  for (const auto& problem : report.problems)
    fail(fmt::format("check at the end: {}: {}", problem.object, problem.message));
}

void Race::run() {
  try {
    world_.run();
    examine();
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

/// Four tests, so that they run beside each other; together the ten thousand, or two hundred under
/// a sanitizer.
class Simulator : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(Simulator, NothingThatWasPromisedIsLost) {
  const auto count = from_environment("HOLDFAST_SIM_SEEDS", seeds_default);
  const auto first = from_environment("HOLDFAST_SIM_SEED", 1) + GetParam() * 1'000'000'000;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    Race race(seed, options_for(seed));
    race.run();
    ASSERT_EQ(race.failure(), "") << "repeat it: HOLDFAST_SIM_SEEDS=1 HOLDFAST_SIM_SEED="
                                  << seed - GetParam() * 1'000'000'000
                                  << " repository_long_tests --gtest_filter='*Simulator*/"
                                  << GetParam() << "'";
  }
}

// Of the seeds above every fourth has listings that lag; here all have, and faults and sleep too.
TEST(SimulatorOfOneKind, ListingsThatLag) {
  for (std::uint64_t seed = 1; seed <= seeds_default / 50; ++seed) {
    Race race(seed, {.lag_seconds = 120, .fault_per_mille = 5, .sleep_per_mille = 3});
    race.run();
    ASSERT_EQ(race.failure(), "") << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Simulator, ::testing::Values(0U, 1U, 2U, 3U));

}  // namespace
}  // namespace holdfast::repository
