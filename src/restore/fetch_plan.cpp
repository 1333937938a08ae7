#include "fetch_plan.hpp"

#include "repository/read_ahead.hpp"
#include "repository/segment_reader.hpp"
#include "window.hpp"

#include <algorithm>
#include <tuple>

namespace holdfast::restore {

namespace {

using Placement = FileTask::Placement;

// What a thread takes at a time: enough for one good read, little enough to share the end of a
// window, and the most that the reader holds in memory.
constexpr std::uint64_t run_bytes_max = 2 * 1024 * 1024;
constexpr std::size_t run_segments_max = 16;
// At most this part of what is left of a stretch: the last runs are short, and threads end
// together.
constexpr std::size_t run_share = 4;

std::vector<std::uint32_t> order_of(Window& window) {
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < window.pieces.size(); ++i) {
    Piece& piece = window.pieces[i];
    if (piece.file != nullptr && piece.file->failed) piece.wanted = false;
    if (piece.wanted) order.push_back(i);
  }
  const auto place = [&](std::uint32_t i) {
    const auto& location = window.pieces[i].location;
    return std::tuple(location.segment.pack, location.segment.offset, location.offset, i);
  };
  std::ranges::sort(order, {}, place);
  return order;
}

std::vector<WantedSegment> segments_of(const Window& window,
                                       const std::vector<std::uint32_t>& order) {
  std::vector<WantedSegment> segments;
  for (std::uint32_t at = 0; at < order.size(); ++at) {
    const auto& location = window.pieces[order[at]].location.segment;
    if (segments.empty() || segments.back().location != location)
      segments.push_back({location, at, 0});
    ++segments.back().count;
  }
  return segments;
}

/// How many of `segments` one thread reads together, from the first on.
std::size_t run_length(FetchPlan::Run segments, std::size_t most) {
  const auto pack = segments.front().location.pack;
  std::uint64_t bytes = 0;
  std::size_t count = 0;
  do {
    bytes += segments[count++].location.stored_size;
  } while (count < segments.size() && count < most && segments[count].location.pack == pack &&
           bytes + segments[count].location.stored_size <= run_bytes_max);
  return count;
}

}  // namespace

void FetchPlanner::plan_if_clear(Window& window) const {
  const bool depends = std::ranges::any_of(window.files, [](const FileRef& task) {
    return task->placement == Placement::undecided || task->placement == Placement::mend;
  });
  if (!depends) plan(window);
}

void FetchPlanner::plan(Window& window) const {
  plan_only(window);
  expect(window.fetch);
}

void FetchPlanner::plan_only(Window& window) const {
  auto& plan = window.fetch;
  plan.order = order_of(window);
  plan.segments = segments_of(window, plan.order);
  cut_runs(plan);
  plan.made = true;
}

void FetchPlanner::cut_runs(FetchPlan& plan) const {
  const FetchPlan::Run all(plan.segments);
  for (std::size_t i = 0, begin = 0; i < threads_; ++i) {
    plan.stretches.push_back(plan.runs.size());
    const std::size_t end = all.size() * (i + 1) / threads_;
    while (begin < end) {
      // What is read ahead is read in large pieces: threads do not wait for it.
      const auto share = ahead_.pays() ? run_segments_max : (end - begin) / run_share;
      const auto most = std::clamp(share, std::size_t{1}, run_segments_max);
      const auto count = run_length(all.subspan(begin, end - begin), most);
      plan.runs.push_back(all.subspan(begin, count));
      begin += count;
    }
  }
  plan.stretches.push_back(plan.runs.size());
}

/// Threads take from the beginnings of their stretches all at once.
void FetchPlanner::expect(const FetchPlan& plan) const {
  if (!ahead_.pays()) return;
  std::vector<repository::SegmentLocation> locations;
  bool more = true;
  for (std::size_t turn = 0; more; ++turn) {
    more = false;
    for (unsigned i = 0; i < threads_; ++i) {
      const auto at = plan.stretches[i] + turn;
      if (at >= plan.stretches[i + 1]) continue;
      more = true;
      locations.clear();
      for (const auto& segment : plan.runs[at])
        locations.push_back(segment.location);
      ahead_.expect(repository::ranges_read_for(locations));
    }
  }
}

}  // namespace holdfast::restore
