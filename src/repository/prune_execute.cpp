// Why nothing that is needed can be deleted here:
//
// A run relies on a pack because the index knew it, or because a snapshot that the run found alive
// needs it. Its lease is older than that knowledge. So when a pass begins, whoever may rely on what
// an earlier tomb names is among the active leases and blocks the tomb, or has committed and is
// among the snapshots that are listed next, or was forgotten and is relied on by nobody, or by a
// run that began since: that run is among the leases when they are listed again, or has committed,
// and then the second look at the snapshots and deletion records shows what the first did not. Runs
// that begin later find the tomb, which stays until its packs are gone.
#include "prune_execute.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "collection_object.hpp"
#include "index_rewrite.hpp"
#include "index_segment.hpp"
#include "kept_lease.hpp"
#include "repository/elsewhere.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;

namespace {

/// Backups that commit in the middle of a pass make it begin again, so many times at most.
constexpr int passes_max = 3;
constexpr std::int64_t wait_step_seconds = 2;
/// Packs that are named one by one when a store is full.
constexpr std::size_t empty_tombs_max = 1000;

}  // namespace

bool is_expired(const SeenLease& lease, const LeaseStore& store, const PruneOptions& options) {
  if (!lease.readable) return true;
  const auto now = store.clock.wall_now().seconds;
  const auto duration = lease.terms.expires.seconds - lease.terms.created.seconds;
  // One from the future was made by a clock that was wrong, and would hold for years.
  return now > lease.terms.expires.seconds + options.lease_margin_seconds ||
         now < lease.terms.created.seconds - options.lease_margin_seconds - duration;
}

std::string describe(const SeenLease& lease) {
  return fmt::format("a {} since {}",
                     lease.terms.purpose.empty() ? "run" : base::printable(lease.terms.purpose),
                     lease.terms.created.to_iso());
}

void PruneExecution::settle_listings() const {
  if (options_.grace_seconds > 0) options_.sleep(2 * options_.grace_seconds);
}

void PruneExecution::mark(std::vector<base::PackId> packs, const SnapshotsSeen& seen) {
  while (!packs.empty()) {
    Tomb tomb;
    tomb.created = repository_.environment().clock.wall_now();
    for (const auto& id : seen.live)
      tomb.considered.push_back(key_of(id));
    const auto count = std::min(packs.size(), tomb_packs_max);
    tomb.packs.assign(packs.end() - static_cast<std::ptrdiff_t>(count), packs.end());
    packs.resize(packs.size() - count);
    try {
      put_tomb(repository_.backend(), repository_.id(), repository_.keys(),
               repository_.environment().random, tomb);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::no_space) throw;
      // Where not a byte fits, names mostly do. The next prune has room again.
      tomb.packs.resize(std::min(tomb.packs.size(), empty_tombs_max));
      for (const auto& pack : tomb.packs)
        put_empty_tomb(repository_.backend(), pack);
      return;
    }
  }
}

/// A run that ended with a snapshot and died before it stored that: the snapshot counts.
void PruneExecution::finish_lease(const SeenLease& lease, const LeaseEnd& end) {
  if (end.snapshot) {
    const auto seen = see_snapshots(repository_);
    if (!seen.live.contains(*end.snapshot) && !seen.deleted.contains(*end.snapshot)) {
      repository_.snapshots().complete(*end.snapshot, end.record);
      ++report_.snapshots_completed;
    }
  }
  remove_lease(lease_store_of(repository_), lease);
  ++report_.leases_removed;
}

/// Whether the lease is over; clears it away then.
bool PruneExecution::settle(const SeenLease& lease) {
  const auto store = lease_store_of(repository_);
  if (lease.is_void()) {
    remove_lease(store, lease);
    return true;
  }
  if (!lease.has_end && !is_expired(lease, store, options_)) return false;
  std::optional<LeaseEnd> end;
  try {
    end = lease.has_end ? read_lease_end(store, lease) : revoke_lease(store, lease);
  } catch (const Error& error) {
    // Nobody was told of a snapshot that only a damaged end has.
    if (error.kind() != ErrorKind::corrupt && error.kind() != ErrorKind::wrong_key) throw;
    progress_.on_warning(error.what());
  }
  if (end) {
    finish_lease(lease, *end);
  } else {
    remove_lease(store, lease);
  }
  return true;
}

std::vector<SeenLease> PruneExecution::settle_leases() {
  auto leases = list_leases(lease_store_of(repository_));
  std::erase_if(leases, [&](const SeenLease& lease) { return settle(lease); });
  return leases;
}

std::vector<Tomb> PruneExecution::ready_tombs(const std::vector<Tomb>& tombs,
                                              const std::vector<SeenLease>& active) {
  std::vector<Tomb> ready;
  report_.waiting.clear();
  for (const auto& tomb : tombs) {
    if (tomb.damaged) {
      progress_.on_warning(fmt::format(
          "{} is damaged: every run stores all of its data anew. Remove it when no prune is under "
          "way anywhere",
          tomb_object_name(tomb.id)));
      continue;
    }
    const auto blocks = [&](const SeenLease& lease) { return !lease.knows(tomb.id); };
    if (std::ranges::none_of(active, blocks)) {
      ready.push_back(tomb);
      continue;
    }
    for (const auto& lease : active) {
      if (!blocks(lease)) continue;
      const auto words = describe(lease);
      if (std::ranges::find(report_.waiting, words) == report_.waiting.end()) {
        report_.waiting.push_back(words);
      }
    }
  }
  return ready;
}

PruneExecution::Outcome PruneExecution::run_once() {
  const auto list = [&] {
    return list_tombs(repository_.backend(), repository_.id(), repository_.keys());
  };
  const auto tombs = list();
  if (tombs.empty()) {
    settle_leases();
    return Outcome::done;
  }
  settle_listings();
  const auto active = settle_leases();
  auto ready = ready_tombs(tombs, active);
  if (ready.empty()) return Outcome::blocked;
  settle_listings();
  const RepositoryUse use(repository_, list(), options_, stopping_);
  settle_listings();
  std::vector<SeenLease> fresh;
  for (auto& lease : list_leases(lease_store_of(repository_))) {
    if (lease.has_start && !lease.has_end) fresh.push_back(std::move(lease));
  }
  const auto still_ready = ready_tombs(ready, fresh);
  settle_listings();
  if (use.snapshots().misses_any_of(see_snapshots(repository_))) return Outcome::overtaken;
  if (still_ready.empty()) return Outcome::blocked;
  remove_packs(use, still_ready);
  return still_ready.size() == tombs.size() ? Outcome::done : Outcome::blocked;
}

/// Who keeps it is told first: a mark that is away and forgotten would keep it for ever.
void PruneExecution::release(const base::PackId& pack) {
  if (!is_away(repository_.backend(), pack)) return;  // released by another prune
  const auto mark = find_mark(repository_, pack, PackMark::away);
  try {
    put_mark(repository_, repository_.backend(), pack, PackMark::released,
             mark.value_or(Elsewhere{repository_.environment().clock.wall_now(), "unknown"}));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::no_space) throw;
    return;  // the next prune has room again, and finds a mark that nothing needs
  }
  remove_mark(repository_.backend(), pack, PackMark::away);
  ++report_.packs_released;
}

void PruneExecution::remove_pack(const PackUse& pack) {
  base::check_cancelled(stopping_);
  if (pack.marked_away) release(pack.id);
  const auto outcome = repository_.backend().remove(pack_object_name(pack.id));
  if (outcome != storage::RemoveOutcome::was_absent) ++report_.packs_deleted;
  if (outcome == storage::RemoveOutcome::removed) report_.bytes_deleted += pack.size;
  base::Progress now;
  now.phase = "prune";
  now.items_done = report_.packs_deleted;
  now.bytes_done = report_.bytes_deleted;
  progress_.on_progress(now);
}

void PruneExecution::drop(const std::set<base::PackId>& packs) const {
  if (packs.empty()) return;
  drop_from_index(repository_, packs, [this] { settle_listings(); }, stopping_);
}

void PruneExecution::remove_packs(const RepositoryUse& use, const std::vector<Tomb>& tombs) {
  const TombedPacks tombed(tombs);
  std::vector<const PackUse*> doomed;
  std::set<base::PackId> ids;
  report_.packs_kept = 0;
  for (const auto& pack : use.packs()) {
    if (!tombed.names(pack.id)) continue;
    if (pack.needed()) {
      ++report_.packs_kept;
      continue;
    }
    ids.insert(pack.id);
    if (pack.present) doomed.push_back(&pack);
  }
  // The index goes first, so that nobody is sent to a pack that is gone while there is a copy
  // elsewhere. A full store has no room for a new index before something is deleted.
  try {
    drop(ids);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::no_space) throw;
    for (const auto* pack : doomed) {
      if (pack->chunks_doubled == 0) remove_pack(*pack);
    }
    drop(ids);
  }
  for (const auto* pack : doomed)
    remove_pack(*pack);
  // Another prune may have copied from a segment that was read before.
  drop(ids);
  settle_listings();
  remove_finished(use, tombs);
}

/// A tomb stays as long as one of its packs is there: another prune may be about to delete that,
/// whatever this one found. What is needed of it is moved by the next prune.
void PruneExecution::remove_finished(const RepositoryUse& use, const std::vector<Tomb>& tombs) {
  const auto is_kept = [&](const base::PackId& id) {
    const auto* pack = use.find(id);
    return pack != nullptr && pack->present && pack->needed();
  };
  for (const auto& tomb : tombs) {
    if (std::ranges::any_of(tomb.packs, is_kept)) continue;
    static_cast<void>(repository_.backend().remove(tomb_object_name(tomb.id)));
  }
}

void PruneExecution::drop_stale(const RepositoryUse& use) {
  std::set<base::PackId> stale;
  for (const auto& pack : use.packs()) {
    if (pack.present || pack.needed()) continue;
    if (!repository_.backend().stat(pack_object_name(pack.id))) stale.insert(pack.id);
  }
  drop(stale);
}

void PruneExecution::count_marked(const std::vector<Tomb>& tombs) {
  std::set<base::PackId> marked;
  for (const auto& tomb : tombs)
    marked.insert(tomb.packs.begin(), tomb.packs.end());
  report_.packs_marked = marked.size();
}

void PruneExecution::run() {
  for (int overtaken = 0;;) {
    base::check_cancelled(stopping_);
    const auto outcome = run_once();
    if (outcome == Outcome::done) break;
    if (outcome == Outcome::overtaken && ++overtaken < passes_max) continue;
    if (!options_.wait || !options_.sleep) break;
    options_.sleep(wait_step_seconds);
    overtaken = 0;
  }
  count_marked(list_tombs(repository_.backend(), repository_.id(), repository_.keys()));
  if (report_.finished()) report_.waiting.clear();
}

}  // namespace holdfast::repository
