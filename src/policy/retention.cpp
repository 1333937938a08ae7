#include "policy/retention.hpp"

#include "calendar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace holdfast::policy {

namespace {

/// Times far beyond any real one, so that sums and differences of them do not overflow.
constexpr std::int64_t seconds_max = std::int64_t{1} << 60;

std::int64_t bounded_seconds(base::WallTime time) {
  return std::clamp(time.seconds, -seconds_max, seconds_max);
}

/// The points of one site, newest first, with what has been decided so far.
class Planner {
public:
  Planner(std::span<const Point> points, base::WallTime now, const UtcOffset& utc_offset)
      : points_(points), now_(now), utc_offset_(utc_offset), decisions_(points.size()) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (!in_future(points[i])) counted_.push_back(i);
    }
    std::ranges::stable_sort(
        counted_, [&](std::size_t a, std::size_t b) { return points_[a].time > points_[b].time; });
  }

  void keep_protected();
  void keep_newest();
  void keep_last(std::uint32_t count);
  void keep_periods(Period period, std::string_view name, std::uint32_t count);
  void keep_within(std::int64_t seconds);
  void keep_kind(PointKind kind, std::string_view name, std::optional<std::int64_t> seconds);
  void keep_tags(const std::vector<std::string>& tags);

  std::vector<Decision> take() { return std::move(decisions_); }

private:
  bool in_future(const Point& point) const {
    return bounded_seconds(point.time) > bounded_seconds(now_) + clock_tolerance_seconds;
  }
  bool counts(std::size_t i) const { return points_[i].kind != PointKind::safety; }
  /// Measured from the newest point, not from now.
  bool is_younger(std::size_t i, std::int64_t seconds) const {
    const auto newest = bounded_seconds(points_[counted_.front()].time);
    return newest - bounded_seconds(points_[i].time) <= seconds;
  }
  std::int64_t period_of(std::size_t i, Period period) const {
    const auto time = points_[i].time;
    return period_number(period, bounded_seconds(time) + utc_offset_(time));
  }
  void keep(std::size_t i, std::string reason) {
    decisions_[i].reasons.push_back(std::move(reason));
  }

  const std::span<const Point> points_;
  const base::WallTime now_;
  const UtcOffset& utc_offset_;
  std::vector<std::size_t> counted_;  // not in the future, newest first
  std::vector<Decision> decisions_;
};

void Planner::keep_protected() {
  for (std::size_t i = 0; i < points_.size(); ++i) {
    const Point& point = points_[i];
    if (point.held) keep(i, "held");
    if (point.locked_until && *point.locked_until > now_) {
      keep(i, fmt::format("locked until {}", point.locked_until->to_iso()));
    }
    if (in_future(point)) keep(i, "dated in the future");
    if (point.newest_misdated) keep(i, "newest, dated by a clock set back");
  }
}

void Planner::keep_newest() {
  const auto whole = std::ranges::find_if(
      counted_, [&](std::size_t i) { return counts(i) && !points_[i].partial; });
  if (whole != counted_.end()) {
    keep(*whole, "newest");
  } else if (!counted_.empty()) {
    keep(counted_.front(), "newest");
  }
}

void Planner::keep_last(std::uint32_t count) {
  std::uint32_t kept = 0;
  for (const std::size_t i : counted_) {
    if (!counts(i)) continue;
    if (kept == count) return;
    keep(i, fmt::format("last {}", ++kept));
  }
}

void Planner::keep_periods(Period period, std::string_view name, std::uint32_t count) {
  std::uint32_t kept = 0;
  for (std::size_t next = 0; next < counted_.size() && kept < count;) {
    // Neighbours of one period; the newest whole one stands for it.
    const auto number = period_of(counted_[next], period);
    std::optional<std::size_t> best;
    for (; next < counted_.size() && period_of(counted_[next], period) == number; ++next) {
      const std::size_t i = counted_[next];
      if (!counts(i)) continue;
      if (!best || (points_[*best].partial && !points_[i].partial)) best = i;
    }
    if (best) keep(*best, fmt::format("{} {}", name, ++kept));
  }
}

void Planner::keep_within(std::int64_t seconds) {
  for (const std::size_t i : counted_) {
    if (is_younger(i, seconds)) keep(i, "within the time to keep");
  }
}

void Planner::keep_kind(PointKind kind, std::string_view name,
                        std::optional<std::int64_t> seconds) {
  if (!seconds) return;
  for (const std::size_t i : counted_) {
    if (points_[i].kind == kind && is_younger(i, *seconds)) {
      keep(i, fmt::format("{}, within its time to keep", name));
    }
  }
}

void Planner::keep_tags(const std::vector<std::string>& tags) {
  for (std::size_t i = 0; i < points_.size(); ++i) {
    for (const auto& tag : tags) {
      if (std::ranges::find(points_[i].tags, tag) != points_[i].tags.end()) {
        keep(i, fmt::format("tag {}", tag));
      }
    }
  }
}

}  // namespace

bool KeepRules::empty() const {
  const std::array counts{last, hourly, daily, weekly, monthly, yearly};
  return std::ranges::all_of(counts, [](std::uint32_t count) { return count == 0; }) && !within &&
         !full && !incremental && !realtime && !safety && tags.empty();
}

std::vector<Decision> plan_retention(std::span<const Point> points, const KeepRules& rules,
                                     base::WallTime now, const UtcOffset& utc_offset) {
  Planner planner(points, now, utc_offset);
  planner.keep_protected();
  planner.keep_newest();
  planner.keep_last(rules.last);
  planner.keep_periods(Period::hour, "hourly", rules.hourly);
  planner.keep_periods(Period::day, "daily", rules.daily);
  planner.keep_periods(Period::week, "weekly", rules.weekly);
  planner.keep_periods(Period::month, "monthly", rules.monthly);
  planner.keep_periods(Period::year, "yearly", rules.yearly);
  if (rules.within) planner.keep_within(*rules.within);
  planner.keep_kind(PointKind::full, "full", rules.full);
  planner.keep_kind(PointKind::incremental, "incremental", rules.incremental);
  planner.keep_kind(PointKind::realtime, "realtime", rules.realtime);
  planner.keep_kind(PointKind::safety, "safety", rules.safety.value_or(safety_seconds_default));
  planner.keep_tags(rules.tags);
  return planner.take();
}

}  // namespace holdfast::policy
