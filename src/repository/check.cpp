#include "repository/check.hpp"

#include "base/error.hpp"
#include "check_findings.hpp"
#include "check_index.hpp"
#include "check_outside.hpp"
#include "check_packs.hpp"
#include "check_trees.hpp"
#include "epochs.hpp"
#include "repository/format_object.hpp"
#include "repository/key_ring.hpp"
#include "repository/reader_lease.hpp"
#include "repository/snapshot.hpp"
#include "slot_names.hpp"
#include "tomb.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace holdfast::repository {

using base::Error;

namespace {

constexpr std::size_t format_size_max = 64 * 1024;

/// Notes damage under `object`.
template <class Work>
void tolerate(CheckFindings& findings, const std::string& object, Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    findings.add(object, error.what());
  }
}

void check_format(Repository& repository, CheckFindings& findings) {
  for (const auto& name : format_names()) {
    tolerate(findings, name, [&] {
      const auto format = decode_format(storage::get(repository.backend(), name, format_size_max));
      if (format.id != repository.id()) {
        throw Error(base::ErrorKind::corrupt, "it is of another repository");
      }
    });
  }
}

void check_slots(Repository& repository, CheckFindings& findings) {
  const auto slots = list_slots(repository);
  for (const auto& slot : slots) {
    const auto name = std::string(slot_prefix) + slot.info.id;
    if (!slot.damage.empty()) {
      findings.add(name, slot.damage);
    } else if (!slot.certified) {
      findings.add(name, "was not made by the owner: remove it with holdfast key remove");
    }
  }
  if (slots.empty()) findings.add("keys/", "there is no key slot: nobody can open this repository");
}

void check_epochs(Repository& repository, CheckFindings& findings) {
  const auto damaged = find_damaged_epochs(repository.backend(), repository.id(),
                                           repository.keys().owner_signing_key);
  for (const auto& copy : damaged)
    findings.add(copy.name, copy.why);
  if (repository.keys().newest_epoch().number < repository.newest_epoch_seen()) {
    findings.add("epochs/", fmt::format("epoch {}, which this machine saw, is gone or damaged",
                                        repository.newest_epoch_seen()));
  }
}

/// With `any_damaged` the gaps in chains may be no more than the records that could not be read.
void check_history(const SnapshotStore& store, bool any_damaged, CheckFindings& findings,
                   CheckReport& report) {
  for (const auto& lost : store.lost_records()) {
    findings.add(lost.object, lost.message);
    report.tampered = true;
  }
  for (const auto& problem : store.chain_problems()) {
    findings.add("snapshots/", problem);
    report.tampered = report.tampered || !any_damaged;
  }
}

std::vector<Snapshot> check_snapshots(Repository& repository, CheckFindings& findings,
                                      CheckReport& report) {
  bool any_damaged = false;
  const auto note = [&](const std::string& name, const std::string& why) {
    any_damaged = true;
    findings.add(name, why);
  };
  repository.snapshots().distrust_caches();
  auto snapshots = repository.snapshots().list(note);
  static_cast<void>(repository.snapshots().deletions(note));
  check_history(repository.snapshots(), any_damaged, findings, report);
  return snapshots;
}

/// The index and what it names; and what the snapshots need, for who may read that.
void check_stored(Repository& repository, const std::vector<Snapshot>& snapshots,
                  const CheckOptions& options, base::ProgressObserver& progress,
                  CheckFindings& findings, CheckReport& report, const std::stop_token& stopping) {
  // What a prune is deleting is nobody's loss, whatever the index still says of it.
  const TombedPacks doomed(list_tombs(repository.backend(), repository.id(), repository.keys()));
  repository.index().refresh();
  auto packs = read_indexed_packs(repository, options.threads, findings, stopping);
  std::erase_if(packs, [&](const IndexedPack& pack) {
    return doomed.contains(pack.info.id) &&
           !repository.backend().stat(pack_object_name(pack.info.id));
  });
  ReadLog log(repository, options, findings, report);
  check_packs(repository, packs, options, progress, findings, report, log, stopping);
  if (!repository.keys().can(Ability::read_content)) {
    report.left_out = fmt::format("trees and contents: the key of a {} does not open them",
                                  name_of(repository.keys().role));
    return;
  }
  check_trees(repository, snapshots, options.threads, progress, findings, stopping);
  if (!findings.lost_any()) return;
  find_affected(repository, snapshots, findings, stopping);
  findings.forgive_missing();
}

}  // namespace

CheckReport check(Repository& repository, const CheckOptions& options,
                  base::ProgressObserver& progress, std::stop_token stopping) {
  auto chosen = options;
  if (chosen.threads == 0) chosen.threads = std::max(1U, std::thread::hardware_concurrency());
  CheckFindings findings;
  CheckReport report;
  const ReaderLease lease(repository, "check");
  check_format(repository, findings);
  check_slots(repository, findings);
  check_epochs(repository, findings);
  // In this order, against the one in which a backup writes: what a snapshot needs is in the index
  // by then, and what the index names is in the packs, even while backups run.
  const auto snapshots = check_snapshots(repository, findings, report);
  report.snapshots = snapshots.size();
  if (repository.keys().can(Ability::search_index)) {
    check_stored(repository, snapshots, chosen, progress, findings, report, stopping);
  } else {
    report.left_out = "the index, trees and contents: the key of an auditor does not open them";
    check_packs_outside(repository, chosen, progress, findings, report, stopping);
  }
  report.problems = findings.take();
  return report;
}

}  // namespace holdfast::repository
