#pragma once

#include "base/clock.hpp"
#include "copies/copy.hpp"
#include "copy_targets.hpp"
#include "repository/read_ledger.hpp"

#include <optional>
#include <set>
#include <string>

namespace holdfast::cli {

/// What is known of one copy: as it is now, or, when it is away, as this machine saw it last.
struct SeenCopy {
  CopyTarget target;
  std::optional<Failure> failure;  // it could not be looked at
  copies::CopyPlan plan;           // of one that could
  repository::ReadingSummary verified;
  std::set<base::SnapshotId> snapshots;  // that are there, whole
  std::optional<base::WallTime> seen;    // when; nothing: never

  bool has(const base::SnapshotId& id) const { return snapshots.contains(id); }
  bool is_away() const { return failure && target.offline; }
};

/// Whether a copy that is expected to be away has lacked a point for longer than its period (else
/// 30 days), as far as this machine knows: it is time to connect it.
bool is_overdue(Session& session, const SeenCopy& copy);
/// How long an offline store may lack a point.
std::int64_t period_of(const CopyTarget& target);

/// Looks at the copy and remembers what it saw; of one that cannot be reached it tells what it
/// remembers. Errors: of the repository only.
SeenCopy look_at_copy(Session& session, const CopyTarget& target);

}  // namespace holdfast::cli
