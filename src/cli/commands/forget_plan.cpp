#include "forget_plan.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace holdfast::cli {

namespace {

policy::PointKind kind_of(repository::SnapshotKind kind) {
  switch (kind) {
    case repository::SnapshotKind::full:
      return policy::PointKind::full;
    case repository::SnapshotKind::incremental:
      return policy::PointKind::incremental;
    case repository::SnapshotKind::realtime:
      return policy::PointKind::realtime;
    case repository::SnapshotKind::safety:
      return policy::PointKind::safety;
  }
  return policy::PointKind::full;
}

/// Whether a clock set back dates `snapshot`, the last of its writer, before one that came earlier.
bool is_misdated(const std::vector<ForgetRow*>& rows, const repository::Snapshot& snapshot) {
  bool earlier_looks_newer = false;
  for (const auto* row : rows) {
    if (row->snapshot->writer != snapshot.writer) continue;
    if (row->snapshot->sequence > snapshot.sequence) return false;
    earlier_looks_newer |= row->snapshot->started > snapshot.started;
  }
  return earlier_looks_newer;
}

policy::Point point_of(const repository::Snapshot& snapshot) {
  policy::Point point;
  point.kind = kind_of(snapshot.kind);
  point.time = snapshot.started;
  point.partial = snapshot.partial();
  point.held = !snapshot.hold.empty();
  point.locked_until = snapshot.locked_until;
  point.tags = snapshot.tags;
  return point;
}

}  // namespace

std::vector<ForgetRow> plan_by_rules(const std::vector<repository::Snapshot>& snapshots,
                                     const RulesOfSite& rules, base::WallTime now,
                                     const policy::UtcOffset& utc_offset) {
  std::vector<ForgetRow> rows;
  rows.reserve(snapshots.size());
  for (const auto& snapshot : snapshots)
    rows.push_back({&snapshot, {}});
  std::map<std::string, std::vector<ForgetRow*>> sites;
  for (auto& row : rows)
    sites[row.snapshot->site].push_back(&row);
  for (const auto& [site, members] : sites) {
    const auto* keep = rules(site);
    if (keep == nullptr) {
      for (auto* row : members)
        row->reasons = {"no rule for this site"};
      continue;
    }
    std::vector<policy::Point> points;
    for (const auto* row : members) {
      points.push_back(point_of(*row->snapshot));
      points.back().newest_misdated = is_misdated(members, *row->snapshot);
    }
    auto decisions = policy::plan_retention(points, *keep, now, utc_offset);
    for (std::size_t i = 0; i < members.size(); ++i) {
      members[i]->reasons = std::move(decisions[i].reasons);
    }
  }
  return rows;
}

std::vector<ForgetRow> plan_by_choice(const std::vector<repository::Snapshot>& snapshots,
                                      const std::vector<const repository::Snapshot*>& chosen,
                                      base::WallTime now) {
  std::set<base::SnapshotId> ids;
  for (const auto* snapshot : chosen) {
    const auto refuse = [&](const std::string& why) {
      throw base::Error(base::ErrorKind::conflict,
                        fmt::format("snapshot {} is {}", snapshot->id.short_hex(), why));
    };
    if (!snapshot->hold.empty()) refuse("held: " + base::printable(snapshot->hold));
    if (snapshot->locked_until && *snapshot->locked_until > now) {
      refuse("locked until " + snapshot->locked_until->to_iso());
    }
    ids.insert(snapshot->id);
  }
  std::vector<ForgetRow> rows;
  for (const auto& snapshot : snapshots) {
    rows.push_back({&snapshot, {}});
    if (!ids.contains(snapshot.id)) rows.back().reasons = {"not named"};
  }
  return rows;
}

std::vector<std::string> emptied_sites(const std::vector<ForgetRow>& rows) {
  std::map<std::string, bool> kept;
  for (const auto& row : rows)
    kept[row.snapshot->site] |= row.keep();
  std::vector<std::string> emptied;
  for (const auto& [site, any] : kept) {
    if (!any) emptied.push_back(site);
  }
  return emptied;
}

}  // namespace holdfast::cli
