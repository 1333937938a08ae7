#pragma once

#include "base/clock.hpp"
#include "policy/retention.hpp"
#include "repository/snapshot.hpp"

#include <functional>
#include <string>
#include <vector>

namespace holdfast::cli {

/// One snapshot and what becomes of it: it goes when there is no reason to keep it.
struct ForgetRow {
  const repository::Snapshot* snapshot = nullptr;
  std::vector<std::string> reasons;
  bool keep() const { return !reasons.empty(); }
};

/// The rules of a site; null when nothing says what to keep of it, which keeps everything.
using RulesOfSite = std::function<const policy::KeepRules*(const std::string& site)>;

/// Decides by rules, site by site; rows in the order of `snapshots`, which is oldest first.
std::vector<ForgetRow> plan_by_rules(const std::vector<repository::Snapshot>& snapshots,
                                     const RulesOfSite& rules, base::WallTime now,
                                     const policy::UtcOffset& utc_offset);

/// Decides that exactly `chosen` go. Errors: conflict for one that is held or locked.
std::vector<ForgetRow> plan_by_choice(const std::vector<repository::Snapshot>& snapshots,
                                      const std::vector<const repository::Snapshot*>& chosen,
                                      base::WallTime now);

/// Sites of which nothing would be left.
std::vector<std::string> emptied_sites(const std::vector<ForgetRow>& rows);

}  // namespace holdfast::cli
