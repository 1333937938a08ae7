#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace holdfast::policy {

/// Kinds of points, as snapshots have them.
enum class PointKind : std::uint8_t { full, incremental, realtime, safety };

/// What retention knows of one snapshot.
struct Point {
  PointKind kind = PointKind::full;
  base::WallTime time;
  bool partial = false;          // some items could not be taken
  bool held = false;             // somebody said that it must stay
  bool newest_misdated = false;  // its writer's last record, though an earlier one has a later date
  std::optional<base::WallTime> locked_until;
  std::vector<std::string> tags;
};

/// What to keep. A point is kept when any rule keeps it.
///
/// Units: counts are numbers of points or periods; ages are in seconds.
struct KeepRules {
  // The newest point of each of the last so many periods that have one. Safety points do not count.
  std::uint32_t last = 0;
  std::uint32_t hourly = 0;
  std::uint32_t daily = 0;
  std::uint32_t weekly = 0;
  std::uint32_t monthly = 0;
  std::uint32_t yearly = 0;
  // Every point of at most this age.
  std::optional<std::int64_t> within = {};
  // Every point of one kind of at most this age.
  std::optional<std::int64_t> full = {};
  std::optional<std::int64_t> incremental = {};
  std::optional<std::int64_t> realtime = {};
  std::optional<std::int64_t> safety = {};
  // Every point that has one of these tags.
  std::vector<std::string> tags = {};

  /// No rule at all, so nothing says what to keep.
  bool empty() const;
};

/// Safety points are kept this long when the rules say nothing about them.
inline constexpr std::int64_t safety_seconds_default = 7 * 24 * 3600;
/// A point dated further ahead than this is in the future: two clocks may differ a little.
inline constexpr std::int64_t clock_tolerance_seconds = 10 * 60;

/// Why a point is kept; it may go when there is no reason.
struct Decision {
  std::vector<std::string> reasons;
  bool keep() const { return !reasons.empty(); }
};

/// How far local time is ahead of UTC at a moment, in seconds.
using UtcOffset = std::function<std::int64_t(base::WallTime)>;

/// Decides for all points of one site (any order); the result has the order of `points`.
///
/// Held and locked points, points dated in the future, the newest whole point and newest points
/// that a clock set back made look old are kept whatever the rules say. Points in the future count
/// for no rule, and ages are measured from the newest point that is not in the future, so that a
/// wrong clock, or a site that is not backed up any more, costs no point. A partial point does not
/// stand for a period that has a whole one.
std::vector<Decision> plan_retention(std::span<const Point> points, const KeepRules& rules,
                                     base::WallTime now, const UtcOffset& utc_offset);

}  // namespace holdfast::policy
