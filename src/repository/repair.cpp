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
#include "repository/format_object.hpp"
#include "repository/snapshot.hpp"

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

constexpr std::size_t format_size_max = 64 * 1024;
constexpr std::size_t record_object_max = 17UL * 1024 * 1024;
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

bool is_format_copy(const std::string& object) {
  const auto names = format_names();
  return std::ranges::find(names, object) != names.end();
}

bool is_ledger_object(const std::string& object) {
  try {
    expect_ledger_name(object);
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// A whole copy of the format object, as bytes.
base::Bytes whole_format(Repository& repository) {
  for (const auto& name : format_names()) {
    try {
      auto bytes = storage::get(repository.backend(), name, format_size_max);
      if (decode_format(bytes) == repository.format()) return bytes;
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
    }
  }
  throw Error(ErrorKind::corrupt, "no copy of the format object is whole");
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
  if (storage::put(backend, name, bytes) != storage::PutOutcome::stored) {
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
  std::ranges::sort(ids);
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
    if (is_format_copy(problem.object)) {
      step.kind = RepairKind::format_copy;
      step.from_others = 1;
    } else if (problem.object.starts_with("index/")) {
      step.kind = RepairKind::index_segment;
      step.from_others = 1;
      misses_index_ = true;
    } else if (is_ledger_object(problem.object)) {
      step.kind = RepairKind::ledger;
      step.from_others = 1;
    } else if (problem.object.starts_with("snapshots/") && take_record(step)) {
      step.kind = RepairKind::record;
    } else if (const auto id = pack_of(problem.object); id && take_pack(*id, step)) {
      step.kind = RepairKind::pack;
    } else {
      (step.kind == RepairKind::unindexed_pack ? missing_ : plan_.beyond).push_back(problem);
      return;
    }
    if (options_.index_only && step.kind != RepairKind::index_segment) return;
    plan_.steps.push_back(std::move(step));
  }

  bool take_record(RepairStep& step) {
    if (step.object == "snapshots/") return false;
    if (has_record(repository_, step.object)) {
      misses_index_ = true;  // the record is whole: what it names is in no index segment
      step.kind = RepairKind::unindexed_pack;
      return false;
    }
    if (options_.copy == nullptr || !has_record(*options_.copy, step.object)) return false;
    step.from_copy = 1;
    return true;
  }

  bool take_pack(const base::PackId& id, RepairStep& step) {
    const auto at = std::ranges::lower_bound(
        indexed_, id, {}, [](const IndexedPack& pack) -> const auto& { return pack.info.id; });
    if (at == indexed_.end() || at->info.id != id) return false;
    if (options_.index_only) return true;
    PackSalvage salvage(repository_, options_.copy, id, at->info.size);
    const auto directory = directory_from_index(repository_, *at);
    for (const auto& segment : directory.segments) {
      base::check_cancelled(stopping_);
      count(step, salvage.segment(directory, segment));
    }
    return true;
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
  Executor(Repository& repository, const RepairOptions& options, base::ProgressObserver& progress,
           std::stop_token stopping)
      : repository_(repository),
        options_(options),
        progress_(progress),
        stopping_(std::move(stopping)),
        lease_(repository, {.purpose = "repair"}, Renewal::by_thread, nullptr) {}

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
        replace_object(backend, step.object, whole_format(repository_));
        step.outcome = "written anew from another copy";
        break;
      case RepairKind::record:
        replace_object(backend, step.object,
                       storage::get(options_.copy->backend(), step.object, record_object_max));
        step.outcome = "taken from the other repository";
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
      const auto stored = repository_.backend().stat(step.object);
      if (!stored) throw Error(ErrorKind::not_found, "it is gone");
      auto directory = PackSalvage(repository_, nullptr, id, stored->size).directory();
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
    PackSalvage salvage(repository_, options_.copy, directory.pack, directory.size);
    OpenPack pack(repository_.backend(), repository_.keys().pack_write_keys(repository_.id()),
                  directory.kind, repository_.environment().random,
                  {repository_.format().parity_percent, directory.size});
    pipeline::SegmentCodec codec;
    step.whole = step.from_parity = step.from_copy = step.lost = 0;
    for (const auto& segment : directory.segments) {
      base::check_cancelled(stopping_);
      auto salvaged = salvage.segment(directory, segment);
      count(step, salvaged);
      if (!salvaged) {
        left.segments.push_back(segment);
        continue;
      }
      const auto compressed = codec.compress(salvaged->encoded);
      const auto context = pack.enter(compressed.bytes.size());
      auto cipher = pack.cipher();
      const auto framed = codec.seal(cipher, context, compressed, salvaged->encoded);
      pack.append(context, framed, compressed.encoded_size, std::move(salvaged->chunks));
      static_cast<void>(pack.leave());
    }
    if (left.segments.size() == directory.segments.size()) return std::nullopt;
    static_cast<void>(pack.retire(pipeline::PackBuilder::Padding::none));
    auto fresh = pack.close();
    read_back(fresh);
    return fresh;
  }

  void read_back(const pipeline::PackDirectory& fresh) {
    PackSalvage stored(repository_, nullptr, fresh.pack, fresh.size);
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
  return Executor(repository, chosen, progress, std::move(stopping)).run(plan.steps);
}

}  // namespace holdfast::repository
