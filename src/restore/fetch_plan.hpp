#pragma once

#include "repository/index.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace holdfast::repository {
class ReadAhead;
}

namespace holdfast::restore {

struct Window;

/// A segment and the wanted pieces in it.
struct WantedSegment {
  repository::SegmentLocation location;
  std::uint32_t first = 0;  // in FetchPlan::order
  std::uint32_t count = 0;
};

/// What of a window is read, in the order of the store.
struct FetchPlan {
  using Run = std::span<const WantedSegment>;

  std::vector<std::uint32_t> order;  // wanted pieces by place
  std::vector<WantedSegment> segments;
  std::vector<Run> runs;               // neighbours that one thread reads together
  std::vector<std::size_t> stretches;  // where in `runs` that of each thread begins, and the end
  bool made = false;
};

/// Says how windows are read. Threads: any, each with a window of its own.
class FetchPlanner {
public:
  /// For so many threads. Whoever plans says to `ahead`, which is borrowed, what will be read.
  FetchPlanner(repository::ReadAhead& ahead, unsigned threads) : ahead_(ahead), threads_(threads) {}

  /// Once it is known which pieces of the window are wanted.
  void plan(Window& window) const;
  /// Sooner, unless that depends on what the target has.
  void plan_if_clear(Window& window) const;
  /// Without saying so to anybody: nothing will be read.
  void plan_only(Window& window) const;

private:
  void cut_runs(FetchPlan& plan) const;
  void expect(const FetchPlan& plan) const;

  repository::ReadAhead& ahead_;
  const unsigned threads_;
};

}  // namespace holdfast::restore
