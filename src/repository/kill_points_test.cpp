// prune, rotation and repair are killed at every call that they make to the store: 500 points each
// at least. After each, everybody's snapshots are there, the next runs work without anybody's help,
// and what is left behind is bounded.
#include "epochs.hpp"
#include "lease.hpp"
#include "repository/collection_testing.hpp"
#include "repository/key_ring.hpp"
#include "repository/repair.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::repository {
namespace {

using base::Error;
using base::ErrorKind;
using testing::IsEmpty;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t step = 5;  // of calls: sanitized code is slow, and the rest is the same
#else
constexpr std::uint64_t step = 1;
#endif
constexpr std::size_t points_min = 500 / step;
constexpr crypto::PassphraseCost cheap{1, crypto::PassphraseCost::memory_bytes_min};
constexpr std::size_t file_size = 3000;
/// What the remains of one killed run may take: leases, tombs, reach objects and one open pack.
constexpr std::size_t leftover_bytes_max = 80'000;
/// Longer than any lease.
constexpr std::int64_t later_seconds = 24 * 3600L;

/// A repository that is brought back to the same state before each death.
class Stage : public CollectionRepository {
public:
  std::vector<std::pair<std::string, base::Bytes>> frozen;
  base::WallTime frozen_at;
  std::uint64_t calls = 0;

  static TestFiles content(const std::vector<int>& numbers) { return files(numbers, file_size); }
  void freeze() {
    frozen.clear();
    for (const auto& name : names(""))
      frozen.emplace_back(name, object(name));
    frozen_at = clock.wall_now();
  }
  void thaw() {
    plan = nullptr;
    clock.set_wall(frozen_at);
    for (const auto& name : names(""))
      memory->remove(name);
    for (const auto& [name, bytes] : frozen)
      static_cast<void>(storage::put(*memory, name, bytes));
  }
  /// From the call with this number on nothing reaches the store, as after kill -9.
  void die_at(std::uint64_t point) {
    calls = 0;
    plan = [this, point](storage::Operation, const std::string&, std::uint64_t) {
      return ++calls >= point
                 ? std::optional(storage::Fault{storage::Fault::When::before, ErrorKind::io})
                 : std::nullopt;
    };
  }
  /// As another process would open it, one that has not seen it before.
  std::unique_ptr<Repository> open_anew(const Credential& credential) {
    caches.push_back(std::make_unique<base::TemporaryDirectory>(scratch_parent()));
    return Repository::open(*TestRepository::store, credential,
                            {clock, random, caches.back()->path(), 1});
  }
  std::unique_ptr<Repository> open_anew() { return open_anew(passphrase); }
  std::size_t stored_bytes() const {
    std::size_t bytes = 0;
    memory->list("", [&](const auto& listed) { bytes += listed.size; });
    return bytes;
  }
  std::vector<std::unique_ptr<base::TemporaryDirectory>> caches;
};

/// What is killed, and what must hold after that.
struct Ordeal {
  /// Does what must not need anything of the store, before the calls are counted.
  std::function<std::unique_ptr<Repository>(Stage&)> open = [](Stage& stage) {
    return stage.open_anew();
  };
  std::function<void(Stage&, Repository&)> work;
  std::function<void(Stage&)> examine;
};

/// Kills `work` at every call (every `step`th) and examines each time. Returns how many points that
/// were.
std::size_t kill_at_every_call(Stage& stage, const Ordeal& ordeal) {
  stage.freeze();
  for (std::uint64_t point = 1;; point += step) {
    SCOPED_TRACE(fmt::format("killed at call {}", point));
    stage.thaw();
    stage.caches.clear();
    const auto expected = stage.expected;
    {
      const auto opened = ordeal.open(stage);
      stage.die_at(point);
      try {
        ordeal.work(stage, *opened);
      } catch (const Error&) {
        EXPECT_GE(stage.calls, point);  // nothing else went wrong
      }
    }
    stage.plan = nullptr;
    const bool came_to_its_end = stage.calls < point;
    ordeal.examine(stage);
    stage.expected = expected;
    if (came_to_its_end || testing::Test::HasFailure()) return (point - 1) / step;
  }
}

// ---- prune ----

void forget_all_but_last(Stage& stage, std::vector<base::SnapshotId> ids) {
  ids.pop_back();
  for (const auto& id : ids)
    stage.forget(*stage.repository, id);
}

void garbage(Stage& stage) {
  forget_all_but_last(stage,
                      {stage.back_up(*stage.repository, "a", Stage::content({1, 2, 3, 4, 5, 6})),
                       stage.back_up(*stage.repository, "a", Stage::content({7, 8, 9})),
                       stage.back_up(*stage.repository, "a", Stage::content({10, 11}))});
}

/// Of every pack a part is needed.
void mostly_dead(Stage& stage) {
  std::vector<int> all(36);
  std::iota(all.begin(), all.end(), 1);
  forget_all_but_last(stage, {stage.back_up(*stage.repository, "a", Stage::content(all)),
                              stage.back_up(*stage.repository, "a", Stage::content({4, 20, 35}))});
}

void small_packs(Stage& stage) {
  for (int i = 0; i < 5; ++i)
    stage.back_up(*stage.repository, "s" + std::to_string(i), Stage::content({i}));
}

/// Runs that died with packs, with a commit that nobody stored, and in the middle of a prune.
void dead_runs(Stage& stage) {
  garbage(stage);
  const auto dies = [&](auto&& work, const std::string& prefix) {
    bool dead = false;
    stage.plan = [&](storage::Operation operation, const std::string& name, std::uint64_t) {
      dead = dead || (name.starts_with(prefix) && operation != storage::Operation::list);
      return dead ? std::optional(storage::Fault{storage::Fault::When::before, ErrorKind::io})
                  : std::nullopt;
    };
    EXPECT_EQ(kind_of_failure(work), ErrorKind::io) << prefix;
    stage.plan = nullptr;
  };
  for (const auto* where : {"index/", "snapshots/"}) {
    const auto other = stage.open_anew();
    static_cast<void>(other->index());
    static_cast<void>(other->snapshots().list());
    const auto number = 50 + static_cast<int>(std::string_view(where).size());
    dies([&] { stage.back_up(*other, "b", Stage::content({number})); }, where);
  }
  stage.clock.advance_seconds(later_seconds);
  stage.prune(*stage.open_anew());
  const auto more = stage.back_up(*stage.repository, "b", Stage::content({70}));
  stage.forget(*stage.repository, more);
  dies([&] { stage.prune(*stage.open_anew()); }, "packs/");
  stage.clock.advance_seconds(later_seconds);
}

void undescribed(Stage& stage) {
  mostly_dead(stage);
  for (const auto& name : stage.names("reach/"))
    stage.memory->remove(name);
}

struct PruneScenario {
  const char* name;
  void (*arrange)(Stage&);
  bool merges = false;
};
constexpr std::array<PruneScenario, 5> prune_scenarios = {{{"garbage", garbage},
                                                           {"mostly dead packs", mostly_dead},
                                                           {"small packs", small_packs, true},
                                                           {"runs that died", dead_runs},
                                                           {"without reach objects", undescribed}}};

PruneReport prune_with(Stage& stage, Repository& on, const PruneOptions& options) {
  return apply_prune(on, plan_prune(on, options, stage.progress, {}), options, stage.progress, {});
}

void examine_prune(Stage& stage, const PruneOptions& options, std::size_t clean_bytes) {
  stage.expect_all_restore();
  // At once, while the lease of the dead is alive; then when nobody waits for it any more.
  stage.back_up(*stage.open_anew(), "next", Stage::content({1, 2, 99}));
  prune_with(stage, *stage.open_anew(), options);
  stage.clock.advance_seconds(later_seconds);
  const auto last = stage.open_anew();
  EXPECT_TRUE(prune_with(stage, *last, options).finished());
  EXPECT_TRUE(plan_prune(*last, options, stage.progress, {}).empty());
  EXPECT_THAT(stage.names("leases/"), IsEmpty());
  EXPECT_THAT(stage.names("tombs/"), IsEmpty());
  stage.expect_all_restore();
  if (clean_bytes != 0) {
    EXPECT_LE(stage.stored_bytes(), clean_bytes + leftover_bytes_max);
  }
}

TEST(KillPoints, Prune) {
  std::size_t points = 0;
  for (const auto& scenario : prune_scenarios) {
    SCOPED_TRACE(scenario.name);
    Stage stage;
    scenario.arrange(stage);
    auto options = Stage::options();
    if (scenario.merges) options.small_pack_bytes = 1'000'000;
    if (scenario.merges) options.small_packs_min = 4;
    stage.freeze();
    prune_with(stage, *stage.open_anew(), options);
    const auto remembered = stage.expected;
    examine_prune(stage, options, 0);
    stage.expected = remembered;
    const auto clean_bytes = stage.stored_bytes();
    stage.thaw();
    const auto before = points;
    points += kill_at_every_call(
        stage, {.work = [&](Stage& on, Repository& opened) { prune_with(on, opened, options); },
                .examine = [&](Stage& on) { examine_prune(on, options, clean_bytes); }});
    RecordProperty(scenario.name, static_cast<int>(points - before));
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GE(points, points_min);
}

// ---- rotation ----

/// Whoever may read or write, with what opens it.
struct Members {
  base::Secret reader{base::as_bytes("reader")};
  base::Secret leaving{base::as_bytes("leaving")};
  crypto::BoxKeyPair spare;
};

PruneOptions reencrypting() {
  auto options = Stage::options();
  options.reencrypt = true;
  return options;
}

void rotate_and_reencrypt(Stage& stage, Repository& on) {
  rotate_epoch(on);
  prune_with(stage, on, reencrypting());
}

/// Opens as everybody does and reads or writes.
void expect_members_work(Stage& stage, const Members& members) {
  const auto reader = stage.open_anew(members.reader);
  for (const auto& snapshot : reader->snapshots().list())
    EXPECT_EQ(read_files(*reader, snapshot), stage.expected.at(snapshot.id));
  stage.back_up(*stage.open_anew(members.spare), "next", Stage::content({1, 99}));
}

void examine_rotation(Stage& stage, const Members& members) {
  expect_members_work(stage, members);
  const auto owner = stage.open_anew();
  const auto before = owner->keys().newest_epoch().number;
  EXPECT_THAT(before, testing::AnyOf(1U, 2U));
  const auto rotation = rotate_epoch(*owner);
  EXPECT_EQ(rotation.epoch, before + 1);
  EXPECT_EQ(stage.names("epochs/").size(), 3 * before) << "three copies of each but the first";
  stage.clock.advance_seconds(later_seconds);
  EXPECT_TRUE(prune_with(stage, *owner, reencrypting()).finished());
  for (const auto& pack : owner->fresh_index().packs())
    EXPECT_EQ(pack.epoch, rotation.epoch);
  stage.expect_all_restore();
  expect_members_work(stage, members);
}

TEST(KillPoints, Rotation) {
  Stage stage;
  Members members;
  members.spare = crypto::make_box_key_pair(stage.random);
  auto& owner = *stage.repository;
  add_slot(owner, Role::reader, PassphraseLock{members.reader, cheap}, "reader");
  add_slot(owner, Role::owner, RecipientLock{members.spare.public_key}, "spare");
  const auto leaving = add_slot(owner, Role::writer, PassphraseLock{members.leaving, cheap}, "l");
  for (int i = 0; i < 18; ++i)
    stage.back_up(owner, "s" + std::to_string(i), Stage::content({1, 20 + i, 30 + i}));

  const auto removed = kill_at_every_call(
      stage, {.work = [&](Stage&, Repository& on) { remove_slot(on, leaving.id); },
              .examine =
                  [&](Stage& on) {
                    if (on.memory->stat("keys/" + leaving.id)) {
                      remove_slot(*on.open_anew(), leaving.id);
                    }
                    // What is gone without an epoch after it could still be read.
                    EXPECT_GE(on.open_anew()->keys().newest_epoch().number, 2U);
                    EXPECT_EQ(kind_of_failure([&] { on.open_anew(members.leaving); }),
                              ErrorKind::wrong_key);
                    on.expect_all_restore();
                    expect_members_work(on, members);
                  }});
  stage.thaw();
  ASSERT_FALSE(HasFailure());
  const auto rotated = kill_at_every_call(
      stage,
      {.work = rotate_and_reencrypt, .examine = [&](Stage& on) { examine_rotation(on, members); }});
  RecordProperty("removal of a slot", static_cast<int>(removed));
  RecordProperty("rotation with re-encryption", static_cast<int>(rotated));
  EXPECT_GE(removed + rotated, points_min);
}

// ---- repair ----

void destroy(Stage& stage, const std::string& name, std::size_t begin, std::size_t size) {
  auto bytes = stage.object(name);
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(begin), size, std::byte{0});
  stage.replace(name, bytes);
}

/// Repairs until nothing is left to do; returns how often that took.
int repair(Stage& stage, const RepairOptions& options) {
  for (int rounds = 0;; ++rounds) {
    const auto opened = stage.open_anew();
    const auto todo = plan_repair(*opened, options, stage.progress, {});
    if (todo.empty() || rounds == 3) return rounds;
    apply_repair(*opened, todo, options, stage.progress, {});
  }
}

/// What parity, what only another copy of the repository can make good.
void damage_packs(Stage& stage) {
  const auto packs = stage.names("packs/");
  ASSERT_GE(packs.size(), 8U);
  for (std::size_t i = 0; i < 3; ++i)
    destroy(stage, packs[i], stage.object(packs[i]).size() / 3, 300);
  for (std::size_t i = 3; i < 5; ++i)
    destroy(stage, packs[i], 200, stage.object(packs[i]).size() - 400);
  stage.memory->remove(packs[5]);
  stage.flip("format", 40);
  stage.flip(stage.names("snapshots/").front(), 100);
}

/// What packs make good.
void damage_index(Stage& stage) {
  const auto indexes = stage.names("index/");
  ASSERT_GE(indexes.size(), 4U);
  stage.flip(indexes[0], 100);
  stage.memory->remove(indexes[1]);
  const auto packs = stage.names("packs/");
  for (const auto& pack : packs)
    destroy(stage, pack, stage.object(pack).size() / 3, 200);
}

/// Returns how many points there were.
std::size_t kill_repair(void (*damage)(Stage&)) {
  Stage stage;
  for (int i = 0; i < 7; ++i)
    stage.back_up(*stage.repository, "s" + std::to_string(i), Stage::content({1, 20 + i, 30 + i}));
  const auto copy = storage::open_memory();
  for (const auto& name : stage.names(""))
    static_cast<void>(storage::put(*copy, name, stage.object(name)));
  base::TemporaryDirectory cache(scratch_parent());
  const auto other =
      Repository::open(*copy, stage.passphrase, {stage.clock, stage.random, cache.path(), 1});
  const auto whole_bytes = stage.stored_bytes();
  damage(stage);
  const RepairOptions options{.copy = other.get(), .threads = 1};
  RepairPlan todo;
  return kill_at_every_call(
      stage,
      {.open =
           [&](Stage& on) {
             auto opened = on.open_anew();
             todo = plan_repair(*opened, options, on.progress, {});
             return opened;
           },
       .work = [&](Stage& on,
                   Repository& opened) { apply_repair(opened, todo, options, on.progress, {}); },
       .examine =
           [&](Stage& on) {
             // The second round mends packs that were in no index before.
             EXPECT_LE(repair(on, options), 2);
             on.back_up(*on.open_anew(), "next", Stage::content({1, 2, 99}));
             on.clock.advance_seconds(later_seconds);
             prune_with(on, *on.open_anew(), Stage::options());
             EXPECT_LE(on.stored_bytes(), whole_bytes + leftover_bytes_max);
             on.expect_all_restore();
           }});
}

TEST(KillPoints, Repair) {
  const auto packs = kill_repair(damage_packs);
  const auto index = kill_repair(damage_index);
  RecordProperty("damaged packs", static_cast<int>(packs));
  RecordProperty("lost index", static_cast<int>(index));
  EXPECT_GE(packs + index, points_min);
}

}  // namespace
}  // namespace holdfast::repository
