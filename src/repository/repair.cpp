#include "repository/repair.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "check_findings.hpp"
#include "check_index.hpp"
#include "index_rewrite.hpp"
#include "index_segment.hpp"
#include "kept_lease.hpp"
#include "ledger_object.hpp"
#include "open_pack.hpp"
#include "pack_salvage.hpp"
#include "repository/elsewhere.hpp"
#include "repository/snapshot.hpp"
#include "source_rescue.hpp"
#include "whole_objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <thread>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;

namespace {

/// Packs whose directories go to one index segment.
constexpr std::size_t packs_per_segment = 256;

std::optional<base::PackId> pack_of(const std::string& object) {
  try {
    const auto id = base::PackId::from_hex(std::string_view(object).substr(object.rfind('/') + 1));
    if (pack_object_name(id) == object) return id;
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): it is not the name of a pack
  }
  return std::nullopt;
}

bool is_ledger_object(const std::string& object) {
  try {
    expect_ledger_name(object);
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// Whether the snapshot record opens in `repository`.
bool has_record(Repository& repository, const std::string& object) {
  try {
    static_cast<void>(repository.snapshots().load(
        base::SnapshotId::from_hex(std::string_view(object).substr(object.rfind('/') + 1))));
    return true;
  } catch (const Error& error) {
    if (!is_damage(error) && error.kind() != ErrorKind::invalid_input) throw;
    return false;
  }
}

/// Puts `bytes` in the place of an object that is damaged or gone.
void replace_object(storage::Backend& backend, const std::string& name, base::ByteView bytes) {
  static_cast<void>(backend.remove(name));
  if (put_object(backend, name, bytes) != storage::PutOutcome::stored) {
    throw Error(ErrorKind::conflict, name + " was written by somebody else meanwhile")
        .set_hint("check again");
  }
}

void count(RepairStep& step, const std::optional<SalvagedSegment>& segment) {
  if (!segment) {
    ++step.lost;
  } else if (segment->origin == SegmentOrigin::parity) {
    ++step.from_parity;
  } else if (segment->origin == SegmentOrigin::copy) {
    ++step.from_copy;
  } else if (segment->origin == SegmentOrigin::source) {
    ++step.from_source;
  } else {
    ++step.whole;
  }
}

std::vector<base::PackId> packs_in_store(Repository& repository,
                                         std::map<base::PackId, std::uint64_t>& sizes) {
  std::vector<base::PackId> ids;
  repository.backend().list("packs/", [&](const storage::ObjectInfo& object) {
    if (const auto id = pack_of(object.name)) {
      ids.push_back(*id);
      sizes[*id] = object.size;
    }
  });
  // An index without these would lose what nothing else says of them.
  for (const auto& id : list_marked_packs(repository.backend()).away)
    ids.push_back(id);
  std::ranges::sort(ids);
  const auto twice = std::ranges::unique(ids);
  ids.erase(twice.begin(), twice.end());
  return ids;
}

}  // namespace

// ---- the plan ----

namespace {

class Planner {
public:
  Planner(Repository& repository, const RepairOptions& options, std::stop_token stopping)
      : repository_(repository), options_(options), stopping_(std::move(stopping)) {}

  RepairPlan plan(CheckReport found) {
    plan_.found = std::move(found);
    CheckFindings ignored;
    indexed_ = read_indexed_packs(repository_, options_.threads, ignored, stopping_);
    for (const auto& problem : plan_.found.problems) {
      base::check_cancelled(stopping_);
      take(problem);
    }
    rescue();
    if (misses_index_ || options_.index_only) add_unindexed();
    if (options_.copy != nullptr && !options_.index_only) add_lost_records();
    const bool indexes = std::ranges::any_of(plan_.steps, [](const RepairStep& step) {
      return step.kind == RepairKind::unindexed_pack;
    });
    // What a snapshot misses in the index is expected in the packs that will be in it.
    if (!indexes) std::ranges::move(missing_, std::back_inserter(plan_.beyond));
    return std::move(plan_);
  }

private:
  void take(const CheckProblem& problem) {
    RepairStep step{.object = problem.object,
                    .problem = problem.message,
                    .affected = problem.affected,
                    .outcome = {}};
    if (problem.object.starts_with("index/")) {
      step.kind = RepairKind::index_segment;
      step.from_others = 1;
      misses_index_ = true;
    } else if (is_ledger_object(problem.object)) {
      step.kind = RepairKind::ledger;
      step.from_others = 1;
    } else if (!is_unindexed(step) && take_small(step)) {
      // its kind is that of the object
    } else if (const auto id = pack_of(problem.object); id && take_pack(*id, step)) {
      step.kind = RepairKind::pack;
    } else {
      (step.kind == RepairKind::unindexed_pack ? missing_ : plan_.beyond).push_back(problem);
      return;
    }
    if (options_.index_only && step.kind != RepairKind::index_segment) return;
    plan_.steps.push_back(std::move(step));
  }

  /// Whether the problem is of a record that is whole: what it names is in no index segment.
  bool is_unindexed(RepairStep& step) {
    if (!step.object.starts_with("snapshots/") || step.object == "snapshots/" ||
        !has_record(repository_, step.object)) {
      return false;
    }
    misses_index_ = true;
    step.kind = RepairKind::unindexed_pack;
    return true;
  }

  bool take_small(RepairStep& step) {
    const auto whole = find_whole_object(repository_, options_.copy, step.object);
    if (!whole) return false;
    step.kind = whole->kind;
    (whole->from_copy ? step.from_copy : step.from_others) = 1;
    return true;
  }

  bool take_pack(const base::PackId& id, RepairStep& step) {
    const auto at = std::ranges::lower_bound(
        indexed_, id, {}, [](const IndexedPack& pack) -> const auto& { return pack.info.id; });
    if (at == indexed_.end() || at->info.id != id) return false;
    if (options_.index_only) return true;
    PackSalvage salvage(repository_, {options_.copy, nullptr}, id, at->info.size);
    const auto directory = directory_from_index(repository_, *at);
    for (const auto& segment : directory.segments) {
      base::check_cancelled(stopping_);
      const auto salvaged = salvage.segment(directory, segment);
      count(step, salvaged);
      if (!salvaged && options_.open_source) lost_segments_[step.object].push_back(segment);
    }
    return true;
  }

  /// Reads again what nothing else has.
  void rescue() {
    std::set<base::ChunkId> lost;
    for (const auto& [object, segments] : lost_segments_) {
      for (const auto& segment : segments) {
        for (const auto& chunk : segment.chunks)
          lost.insert(chunk.id);
      }
    }
    if (lost.empty()) return;
    plan_.rescued =
        rescue_from_source(repository_, std::move(lost), options_.open_source, stopping_);
    const auto is_there = [&](const pipeline::ChunkInSegment& chunk) {
      return plan_.rescued.contains(chunk.id);
    };
    for (auto& step : plan_.steps) {
      for (const auto& segment : lost_segments_[step.object]) {
        if (!std::ranges::all_of(segment.chunks, is_there)) continue;
        --step.lost;
        ++step.from_source;
      }
    }
  }

  void add_unindexed() {
    std::map<base::PackId, std::uint64_t> sizes;
    for (const auto& id : packs_in_store(repository_, sizes)) {
      if (std::ranges::binary_search(indexed_, id, {}, [](const IndexedPack& pack) -> const auto& {
            return pack.info.id;
          })) {
        continue;
      }
      plan_.steps.push_back({.kind = RepairKind::unindexed_pack,
                             .object = pack_object_name(id),
                             .problem = "is in no index segment",
                             .affected = {},
                             .from_others = 1,
                             .outcome = {}});
    }
  }

  /// Snapshots that only the copy has, and that were not forgotten here: a repair that was killed
  /// between removing a damaged record and writing it anew leaves that behind.
  void add_lost_records() {
    const auto ignore = [](const std::string&, const std::string&) {};
    std::set<base::SnapshotId> forgotten;
    for (const auto& deletion : repository_.snapshots().deletions(ignore)) {
      for (const auto& deleted : deletion.deleted)
        forgotten.insert(deleted.id);
    }
    bool found = false;
    for (const auto& snapshot : options_.copy->snapshots().list(ignore)) {
      base::check_cancelled(stopping_);
      const auto name = "snapshots/" + snapshot.id.hex();
      if (forgotten.contains(snapshot.id) || repository_.backend().stat(name)) continue;
      if (!std::ranges::all_of(snapshot.items, [&](const auto& item) { return has_root(item); })) {
        continue;
      }
      found = true;
      plan_.steps.push_back({.kind = RepairKind::record,
                             .object = name,
                             .problem = "is gone",
                             .affected = {},
                             .from_copy = 1,
                             .outcome = {}});
    }
    // The gap in a chain is likely to be this; if not, the next check says so again.
    if (found) {
      std::erase_if(plan_.beyond,
                    [](const CheckProblem& problem) { return problem.object == "snapshots/"; });
    }
  }

  /// Packs are stored before the record that needs them: with the root all of it is likely here.
  bool has_root(const SnapshotItem& item) {
    return !item.root.tree || repository_.index().contains(*item.root.tree);
  }

  Repository& repository_;
  const RepairOptions& options_;
  const std::stop_token stopping_;
  std::vector<IndexedPack> indexed_;
  RepairPlan plan_;
  std::vector<CheckProblem> missing_;  // snapshots that name what the index does not know
  std::map<std::string, std::vector<pipeline::SegmentInPack>> lost_segments_;  // by pack
  bool misses_index_ = false;
};

RepairOptions with_threads(RepairOptions options) {
  if (options.threads == 0) options.threads = std::max(1U, std::thread::hardware_concurrency());
  return options;
}

}  // namespace

RepairPlan plan_repair(Repository& repository, const RepairOptions& options,
                       base::ProgressObserver& progress, std::stop_token stopping) {
  const auto chosen = with_threads(options);
  auto found = check(repository, {.read_data = !options.index_only, .threads = chosen.threads},
                     progress, stopping);
  return Planner(repository, chosen, stopping).plan(std::move(found));
}

// ---- doing it ----

namespace {

class Executor {
public:
  Executor(Repository& repository, const RepairOptions& options, const RescuedChunks& rescued,
           base::ProgressObserver& progress, std::stop_token stopping)
      : repository_(repository),
        options_(options),
        rescued_(rescued),
        progress_(progress),
        stopping_(std::move(stopping)),
        lease_(lease_store_of(repository), {.purpose = "repair"}, Renewal::by_thread, nullptr) {}

  std::vector<RepairStep> run(std::vector<RepairStep> steps) {
    // What others are found by comes first, and an index segment goes last of these.
    std::ranges::stable_sort(steps, {}, [](const RepairStep& step) {
      const bool is_old_index = step.kind == RepairKind::index_segment;
      return step.kind == RepairKind::pack ? 2 : is_old_index ? 1 : 0;
    });
    index_packs(steps);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      base::check_cancelled(stopping_);
      lease_->renew_if_due();
      base::Progress now;
      now.phase = "repair";
      now.items_done = i;
      now.items_total = steps.size();
      now.current = steps[i].object;
      progress_.on_progress(now);
      carry_out(steps[i]);
    }
    repository_.index().refresh();
    return steps;
  }

private:
  void carry_out(RepairStep& step) {
    auto& backend = repository_.backend();
    switch (step.kind) {
      case RepairKind::format_copy:
      case RepairKind::epoch_copy:
      case RepairKind::key_slot:
      case RepairKind::record:
        mend_small(step);
        break;
      case RepairKind::index_segment:
        if (lost_directories_ == 0) static_cast<void>(backend.remove(step.object));
        step.outcome = lost_directories_ == 0 ? "its packs are indexed anew, and it is removed"
                                              : "left, for some packs could not be indexed";
        break;
      case RepairKind::ledger:
        static_cast<void>(backend.remove(step.object));
        step.outcome = "removed: the next check reads its packs again";
        break;
      case RepairKind::unindexed_pack:
        break;  // done together
      case RepairKind::pack:
        write_anew(step);
        break;
    }
  }

  void mend_small(RepairStep& step) {
    const auto whole = find_whole_object(repository_, options_.copy, step.object);
    if (!whole) throw Error(ErrorKind::corrupt, "no copy of " + step.object + " is whole any more");
    replace_object(repository_.backend(), step.object, whole->bytes);
    step.outcome =
        whole->from_copy ? "taken from the other repository" : "written anew from another copy";
  }

  /// All packs that no index segment names, many to a segment.
  void index_packs(std::vector<RepairStep>& steps) {
    std::vector<pipeline::PackDirectory> batch;
    for (auto& step : steps) {
      if (step.kind != RepairKind::unindexed_pack) continue;
      base::check_cancelled(stopping_);
      if (auto directory = directory_of(step)) batch.push_back(std::move(*directory));
      if (batch.size() == packs_per_segment) flush(batch);
    }
    flush(batch);
  }

  void flush(std::vector<pipeline::PackDirectory>& batch) {
    if (batch.empty()) return;
    put_index(batch);
    batch.clear();
  }

  void put_index(std::span<const pipeline::PackDirectory> packs) {
    static_cast<void>(put_index_segment(repository_.backend(), repository_.id(), repository_.keys(),
                                        index_body_of(packs), repository_.environment().random));
  }

  std::optional<pipeline::PackDirectory> directory_of(RepairStep& step) {
    const auto id = *pack_of(step.object);
    try {
      auto& from = place_of(id);
      const auto stored = from.backend().stat(step.object);
      if (!stored) throw Error(ErrorKind::not_found, "it is gone");
      auto directory = PackSalvage(from, {}, id, stored->size).directory();
      step.outcome = fmt::format("indexed again with {} segments", directory.segments.size());
      if (!directory.segments.empty()) return directory;
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      step.outcome = fmt::format("could not be indexed: {}", error.what());
    }
    step.from_others = 0;
    step.lost = 1;
    ++lost_directories_;
    return std::nullopt;
  }

  /// The repository itself, or the copy for what only that has.
  Repository& place_of(const base::PackId& id) const {
    if (repository_.backend().stat(pack_object_name(id)) || !is_away(repository_.backend(), id)) {
      return repository_;
    }
    if (options_.copy != nullptr) return *options_.copy;
    throw Error(ErrorKind::not_found, "it is in another store instead: name that with --from");
  }

  void write_anew(RepairStep& step) {
    const auto id = *pack_of(step.object);
    CheckFindings ignored;
    const auto indexed = read_indexed_packs(repository_, options_.threads, ignored, stopping_);
    const auto at = std::ranges::lower_bound(
        indexed, id, {}, [](const IndexedPack& pack) -> const auto& { return pack.info.id; });
    if (at == indexed.end() || at->info.id != id) {
      step.outcome = "the index does not name it any more";
      return;
    }
    const auto directory = directory_from_index(repository_, *at);
    auto left = directory;
    left.segments.clear();
    const auto fresh = copy_segments(directory, step, left);
    lease_->renew_if_due();
    if (fresh) put_index({&*fresh, 1});
    drop_from_index(repository_, {id}, [] {}, stopping_);
    if (!left.segments.empty() && !options_.give_up_lost) put_index({&left, 1});
    step.outcome = fresh ? "what can be read is in " + pack_object_name(fresh->pack)
                         : std::string("nothing of it could be read");
    if (step.lost != 0) step.outcome += fmt::format("; {} segments stay lost", step.lost);
  }

  /// The new pack, durable and read back; nothing when nothing could be read. What is lost goes to
  /// `left`.
  std::optional<pipeline::PackDirectory> copy_segments(const pipeline::PackDirectory& directory,
                                                       RepairStep& step,
                                                       pipeline::PackDirectory& left) {
    PackSalvage salvage(repository_, {options_.copy, &rescued_}, directory.pack, directory.size);
    OpenPack pack(repository_.backend(), repository_.keys().pack_write_keys(repository_.id()),
                  directory.kind, repository_.environment().random,
                  {repository_.format().parity_percent, directory.size});
    pipeline::SegmentCodec codec;
    step.whole = step.from_parity = step.from_copy = step.from_source = step.lost = 0;
    bool any = false;
    for (const auto& segment : directory.segments) {
      base::check_cancelled(stopping_);
      auto salvaged = salvage.segment(directory, segment);
      count(step, salvaged);
      if (!salvaged) {
        left.segments.push_back(segment);
        salvaged = salvage.part_of(segment);
      }
      if (!salvaged) continue;
      any = true;
      const auto compressed = codec.compress(salvaged->encoded);
      const auto context = pack.enter(compressed.bytes.size());
      auto cipher = pack.cipher();
      const auto framed = codec.seal(cipher, context, compressed, salvaged->encoded);
      pack.append(context, framed, compressed.encoded_size, std::move(salvaged->chunks));
      static_cast<void>(pack.leave());
    }
    if (!any) return std::nullopt;
    static_cast<void>(pack.retire(pipeline::PackBuilder::Padding::none));
    auto fresh = pack.close();
    read_back(fresh);
    return fresh;
  }

  void read_back(const pipeline::PackDirectory& fresh) {
    PackSalvage stored(repository_, {}, fresh.pack, fresh.size);
    const bool whole = stored.directory() == fresh &&
                       std::ranges::all_of(fresh.segments, [&](const auto& segment) {
                         const auto found = stored.segment(fresh, segment);
                         return found && found->origin == SegmentOrigin::pack;
                       });
    if (whole) return;
    throw Error(ErrorKind::corrupt,
                pack_object_name(fresh.pack) + " is not what was written a moment ago")
        .set_hint("the store damages what it keeps: repair from another machine or disk");
  }

  Repository& repository_;
  const RepairOptions& options_;
  const RescuedChunks& rescued_;
  base::ProgressObserver& progress_;
  const std::stop_token stopping_;
  /// A record is away for a moment before it is put back, and a new pack seems to be a copy of the
  /// damaged one until the index forgets that: meanwhile nobody deletes anything.
  KeptLease lease_;
  std::size_t lost_directories_ = 0;
};

}  // namespace

std::vector<RepairStep> apply_repair(Repository& repository, const RepairPlan& plan,
                                     const RepairOptions& options, base::ProgressObserver& progress,
                                     std::stop_token stopping) {
  if (plan.empty()) return {};
  const auto chosen = with_threads(options);
  return Executor(repository, chosen, plan.rescued, progress, std::move(stopping)).run(plan.steps);
}

}  // namespace holdfast::repository
