#include "safety.hpp"

#include "backup/backup.hpp"
#include "base/units.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sys/stat.h>

namespace holdfast::cli {

namespace {

bool exists(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

bool is_touched(const repository::SnapshotItem& item, const std::vector<std::string>& paths) {
  return paths.empty() || std::ranges::any_of(paths, [&](const std::string& path) {
           return is_beneath(path, item.path) || is_beneath(item.path, path);
         });
}

SourcePlan plan_safety(Session& session, const repository::Snapshot& snapshot,
                       const std::vector<std::string>& paths) {
  SourcePlan plan;
  plan.site = snapshot.site;
  for (const auto& item : snapshot.items) {
    if (item.kind == repository::ItemKind::stream) continue;
    if (!is_touched(item, paths) || !exists(item.path)) continue;
    if (item.kind == repository::ItemKind::database) {
      plan.sources.push_back(planned_sqlite(item.path));
      plan.sources.back().plain_if_broken = true;
    } else {
      plan.sources.push_back(planned_tree(item.kind, item.path));
      // Of a whole machine, /proc and what is mounted are not what a restore writes.
      plan.one_file_system |= item.path == "/";
    }
  }
  if (const auto* config = session.config()) {
    if (const auto* site = config->find_site(snapshot.site)) {
      plan.exclude = site->exclude;
      plan.one_file_system |= site->one_file_system;
      plan.skip_caches = site->skip_caches;
      plan.file_size_max = site->file_size_max;
    }
  }
  return plan;
}

}  // namespace

std::optional<base::SnapshotId> take_safety_snapshot(Session& session,
                                                     const repository::Snapshot& snapshot,
                                                     const std::vector<std::string>& paths) {
  auto plan = plan_safety(session, snapshot, paths);
  if (plan.sources.empty()) {
    session.console().note("nothing is there yet: no safety snapshot is needed");
    return {};
  }
  std::vector<std::string> own{session.cache_directory()};
  if (const auto location = session.location(); location.scheme == "file") {
    own.push_back(location.path);
  }
  separate(plan, own);
  backup::BackupRequest request;
  request.site = snapshot.site;
  request.host = session.environment().host;
  request.tool_version = session.environment().version;
  request.kind = repository::SnapshotKind::safety;
  request.items = session.services().open_sources(plan);
  const auto result = backup::run_backup(session.repository(), std::move(request),
                                         session.progress(), session.stopping());
  session.console().note(
      fmt::format("safety snapshot {} holds what is there now", result.snapshot.id.short_hex()));
  for (const auto& problem : result.snapshot.problems) {
    session.console().warn(fmt::format("not in the safety snapshot: {}: {}",
                                       base::printable(problem.path), problem.message));
  }
  return result.snapshot.id;
}

}  // namespace holdfast::cli
