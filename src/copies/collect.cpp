#include "copies/copy.hpp"
#include "copies/moves.hpp"
#include "repository/elsewhere.hpp"
#include "repository/prune.hpp"
#include "repository/stored_objects.hpp"

#include <algorithm>
#include <set>

namespace holdfast::copies {

using repository::Repository;
using repository::StoredPack;

namespace {

/// Packs of the copy that the repository has no more, and will never have again, nor relies on
/// there. The copy is listed first, so that what comes meanwhile is not among them.
std::set<base::PackId> deleted_here(Repository& source, Repository& copy) {
  const auto there = repository::list_packs(copy.backend());
  const auto here = repository::list_packs(source.backend());
  const auto away = repository::list_marked_packs(source.backend()).away;
  std::set<base::PackId> deleted;
  for (const auto& pack : there) {
    const bool is_here = std::ranges::binary_search(here, pack.id, {}, &StoredPack::id);
    if (!is_here && !away.contains(pack.id)) deleted.insert(pack.id);
  }
  return deleted;
}

std::set<std::string> index_segments(Repository& repository) {
  std::set<std::string> names;
  repository.backend().list(std::string(repository::index_prefix),
                            [&](const storage::ObjectInfo& object) { names.insert(object.name); });
  return names;
}

/// When the copy has no pack beyond those of the repository, the index of the repository says all.
std::uint64_t drop_old_index(Repository& source, Repository& copy) {
  const auto there = index_segments(copy);
  if (!deleted_here(source, copy).empty()) return 0;
  const auto here = index_segments(source);
  std::uint64_t removed = 0;
  for (const auto& name : there) {
    if (here.contains(name)) continue;
    if (copy.backend().remove(name) != storage::RemoveOutcome::was_absent) ++removed;
  }
  return removed;
}

}  // namespace

CollectReport collect_copy(Repository& source, Repository& copy, const std::string& name,
                           base::ProgressObserver& progress, const std::stop_token& stopping) {
  settle_released(source, copy.backend(), name);
  repository::PruneOptions options;
  options.only = deleted_here(source, copy);
  CollectReport report;
  const auto plan = repository::plan_prune(copy, options, progress, stopping);
  const auto done = repository::apply_prune(copy, plan, options, progress, stopping);
  report.packs_deleted = done.packs_deleted;
  report.bytes_deleted = done.bytes_deleted;
  report.waiting = done.waiting;
  report.packs_kept = deleted_here(source, copy).size();
  report.index_segments = drop_old_index(source, copy);
  return report;
}

}  // namespace holdfast::copies
