#pragma once

#include "context.hpp"
#include "fetch_plan.hpp"
#include "file_writer.hpp"
#include "repository/chunk_reader.hpp"
#include "repository/read_ahead.hpp"
#include "repository/segment_reader.hpp"
#include "window.hpp"

#include <functional>
#include <memory>
#include <unordered_set>
#include <vector>

namespace holdfast::restore {

/// Restores windows, one after the other, with as many threads as were asked for.
///
/// A window goes through three steps: what is there already is compared; the pieces still wanted
/// are sorted by pack and position; runs of neighbouring segments are read, each segment once, its
/// chunks are verified and written to every file that has them. A thread works on a stretch of
/// packs of its own and helps others at their far end, so that two rarely create files in the same
/// directory, where the kernel would let one wait for the other.
class WindowRun {
public:
  WindowRun(const Context& context, FileWriter& writer, repository::ReadAhead& ahead,
            unsigned threads);
  ~WindowRun();

  /// For those who know before the window comes here what is wanted of it.
  const FetchPlanner& planner() const { return planner_; }
  void run(Window& window);

private:
  struct Worker;
  class RunQueue;

  void in_parallel(const std::function<void(Worker&, const std::stop_token&)>& work);
  void compare_what_is_there(Window& window);
  void compare_file(FileTask& task, Window& window, Worker& worker);
  void compare_pieces(Window& window);
  void count_plan(const Window& window);
  void fetch(Window& window);
  void fetch_run(Window& window, FetchPlan::Run segments, Worker& worker);
  void write_segment(Window& window, const WantedSegment& segment, base::ByteView bytes,
                     Worker& worker);
  void write_copies(Window& window, const WantedSegment& segment, const std::string& why,
                    Worker& worker);
  void write_or_fail(Window& window, Piece& piece, const std::string& why, Worker& worker);
  void skip_unwanted(Window& window);

  const Context& context_;
  FileWriter& writer_;
  const FetchPlanner planner_;
  repository::ChunkReader chunks_;  // for what is not where the index said first
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unordered_set<std::uint32_t> packs_;
};

}  // namespace holdfast::restore
