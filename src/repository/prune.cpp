#include "repository/prune.hpp"

#include "base/error.hpp"
#include "kept_lease.hpp"
#include "pack_use.hpp"
#include "prune_execute.hpp"
#include "repack.hpp"
#include "repository/holds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace holdfast::repository {

namespace {

std::uint64_t sum_of(const std::vector<PrunePack>& packs) {
  std::uint64_t sum = 0;
  for (const auto& pack : packs)
    sum += pack.is_away ? 0 : pack.size;
  return sum;
}

std::vector<Tomb> tombs_of(Repository& repository) {
  return list_tombs(repository.backend(), repository.id(), repository.keys());
}

bool can_read(Repository& repository) { return repository.keys().can(Ability::read_content); }

HeldBytes held_in(storage::Backend& backend) {
  HeldBytes held;
  auto* const locks = backend.locks();
  if (locks == nullptr) return held;
  locks->list_held([&](const storage::HeldObject& object) {
    ++held.objects;
    held.bytes += object.size;
    held.first = std::min(held.first.value_or(object.until), object.until);
    held.last = std::max(held.last.value_or(object.until), object.until);
  });
  return held;
}

PrunePack prune_pack(const PackUse& use, PruneReason reason) {
  return {use.id, use.kind, use.size, use.live_bytes(), reason, use.away};
}

/// Sorts packs into what goes, what is written anew and what stays.
class Planner {
public:
  Planner(const RepositoryUse& use, const PruneOptions& options, std::uint32_t newest_epoch,
          PrunePlan& plan)
      : use_(use), options_(options), newest_epoch_(newest_epoch), plan_(plan) {}

  void run(bool may_repack) {
    for (const auto& pack : use_.packs())
      sort(pack);
    leave_unread();
    if (!may_repack) {
      if (!candidates_.empty()) {
        plan_.notes.push_back(
            fmt::format("{} packs stay, though little of them is needed: this key cannot read "
                        "what would have to be moved",
                        candidates_.size()));
      }
      return;
    }
    add_small();
    choose();
  }

private:
  void sort(const PackUse& pack) {
    if (!pack.present) {
      if (!pack.needed()) ++plan_.stale_packs;
      return;
    }
    count(pack);
    if (options_.only && (pack.needed() || !options_.only->contains(pack.id))) return;
    if (!pack.needed()) {
      const auto reason = pack.tombed    ? PruneReason::marked
                          : pack.indexed ? PruneReason::unreferenced
                                         : PruneReason::unindexed;
      plan_.deleted.push_back(prune_pack(pack, reason));
    } else if (pack.away || pack.kept) {
      return;
    } else if (pack.tombed) {
      if (pack.chunks_live != 0) candidates_.push_back(prune_pack(pack, PruneReason::marked));
    } else if (pack.live_bytes() * 100 < pack.size * std::uint64_t{options_.repack_below_percent}) {
      candidates_.push_back(prune_pack(pack, PruneReason::mostly_dead));
    } else if (options_.reencrypt && pack.epoch != newest_epoch_) {
      candidates_.push_back(prune_pack(pack, PruneReason::old_epoch));
    } else if (pack.size < options_.small_pack_bytes) {
      small_[pack.kind].push_back(prune_pack(pack, PruneReason::small));
    }
  }

  void count(const PackUse& pack) {
    if (!pack.away) {
      ++plan_.packs;
      plan_.bytes += pack.size;
      plan_.bytes_live += pack.live_bytes();
    } else if (pack.needed()) {
      ++plan_.packs_away;
      plan_.bytes_away += pack.size;
    }
    if (pack.kept && pack.chunks_live == 0 && pack.chunks_held == 0) ++plan_.packs_kept;
  }

  /// What cannot be read, or would be paid for twice.
  void leave_unread() {
    const auto is_archived = [&](const PrunePack& pack) { return use_.find(pack.id)->archived; };
    std::erase_if(candidates_, [&](const PrunePack& pack) {
      if (is_archived(pack)) {
        ++plan_.packs_frozen;
        plan_.bytes_frozen += pack.size - std::min(pack.size, pack.live_bytes);
        return true;
      }
      const bool may_wait = pack.reason != PruneReason::marked;
      if (!may_wait || !options_.not_rewritten.contains(pack.id)) return false;
      ++plan_.packs_postponed;
      return true;
    });
    for (auto& [kind, packs] : small_) {
      std::erase_if(packs, [&](const PrunePack& pack) {
        return is_archived(pack) || options_.not_rewritten.contains(pack.id);
      });
    }
  }

  void add_small() {
    for (const auto& [kind, packs] : small_) {
      if (packs.size() < options_.small_packs_min) continue;
      candidates_.insert(candidates_.end(), packs.begin(), packs.end());
    }
  }

  /// The emptiest first: they give most for what is written. So what stays of packs that change
  /// much and of those that change little comes to stand in different packs.
  void choose() {
    std::ranges::sort(candidates_, [](const PrunePack& a, const PrunePack& b) {
      const auto fullness = [](const PrunePack& pack) {
        return static_cast<double>(pack.live_bytes) / static_cast<double>(pack.size);
      };
      return std::tuple(a.kind, fullness(a), a.id) < std::tuple(b.kind, fullness(b), b.id);
    });
    std::uint64_t bytes = 0;
    for (const auto& pack : candidates_) {
      if (bytes + pack.size > options_.repack_bytes_max) continue;
      bytes += pack.size;
      plan_.repacked.push_back(pack);
    }
  }

  const RepositoryUse& use_;
  const PruneOptions& options_;
  const std::uint32_t newest_epoch_;
  PrunePlan& plan_;
  std::vector<PrunePack> candidates_;
  std::map<pipeline::PackKind, std::vector<PrunePack>> small_;
};

void note_waiting(Repository& repository, const PruneOptions& options, PrunePlan& plan) {
  const auto store = lease_store_of(repository);
  for (const auto& lease : list_leases(store)) {
    if (!lease.has_start || lease.has_end || is_expired(lease, store, options)) continue;
    plan.waiting.push_back(describe(lease));
  }
}

/// Those of `packs` that nothing needs and no tomb names.
std::vector<base::PackId> unmarked(std::vector<base::PackId> packs, const RepositoryUse& use) {
  std::erase_if(packs, [&](const base::PackId& id) {
    const auto* current = use.find(id);
    return current == nullptr || !current->present || current->tombed;
  });
  return packs;
}

std::vector<base::PackId> unneeded(const std::vector<PrunePack>& packs, const RepositoryUse& use) {
  std::vector<base::PackId> ids;
  for (const auto& pack : packs) {
    const auto* current = use.find(pack.id);
    if (current != nullptr && !current->needed()) ids.push_back(pack.id);
  }
  return ids;
}

}  // namespace

std::string_view name_of(PruneReason reason) {
  switch (reason) {
    case PruneReason::unreferenced:
      return "unreferenced";
    case PruneReason::unindexed:
      return "unindexed";
    case PruneReason::mostly_dead:
      return "mostly dead";
    case PruneReason::small:
      return "small";
    case PruneReason::old_epoch:
      return "old epoch";
    case PruneReason::marked:
      return "marked";
  }
  return "unknown";
}

std::uint64_t PrunePlan::bytes_deleted() const { return sum_of(deleted); }
std::uint64_t PrunePlan::bytes_repacked() const { return sum_of(repacked); }
std::uint64_t PrunePlan::bytes_freed() const {
  auto freed = bytes_deleted();
  for (const auto& pack : repacked)
    freed += pack.size - std::min(pack.size, pack.live_bytes);
  return freed;
}

PrunePlan plan_prune(Repository& repository, const PruneOptions& options,
                     base::ProgressObserver& progress, std::stop_token stopping) {
  repository.keys().require(Ability::maintain);
  base::Progress now;
  now.phase = "plan";
  progress.on_progress(now);
  PrunePlan plan;
  note_waiting(repository, options, plan);
  plan.held = held_in(repository.backend());
  const RepositoryUse use(repository, tombs_of(repository), options, std::move(stopping));
  plan.snapshots = use.snapshots().live.size();
  plan.pages_read = use.pages_read();
  const auto newest = repository.keys().newest_epoch().number;
  Planner(use, options, newest, plan).run(can_read(repository));
  return plan;
}

PruneReport apply_prune(Repository& repository, const PrunePlan& plan, const PruneOptions& options,
                        base::ProgressObserver& progress, std::stop_token stopping) {
  repository.snapshots().expect_none_lost();
  PruneReport report;
  // First of all, because on a full disk it may be what makes room.
  const auto held_before = held_in(repository.backend()).bytes;
  static_cast<void>(repository.backend().remove_leftovers());
  report.bytes_released = held_before - std::min(held_before, held_in(repository.backend()).bytes);
  PruneExecution execution(repository, options, progress, report, stopping);
  {
    // Looked at again: between plan and deed a person may have thought for an hour.
    RepositoryUse use(repository, tombs_of(repository), options, stopping);
    use.store_descriptions();
    execution.mark(unmarked(unneeded(plan.deleted, use), use), use.snapshots());
    execution.drop_stale(use);
  }
  execution.run();
  if (!plan.repacked.empty()) {
    const RepositoryUse use(repository, tombs_of(repository), options, stopping);
    auto emptied = repack(repository, use, plan.repacked, options, progress, report, stopping);
    // Of copies it matters which snapshots there were before the copying.
    execution.mark(unmarked(std::move(emptied), use), use.snapshots());
  }
  if (!plan.repacked.empty()) execution.run();
  renew_holds(repository, stopping);
  report.held = held_in(repository.backend());
  return report;
}

}  // namespace holdfast::repository
