#pragma once

#include "backup/backup.hpp"
#include "base/clock.hpp"
#include "base/progress.hpp"
#include "chunk_writer.hpp"
#include "file_cache.hpp"
#include "large_file.hpp"
#include "run_journal.hpp"
#include "worker_pool.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::backup {

/// Where items that could not be taken are noted. Threads: add from any.
class ProblemList {
public:
  explicit ProblemList(base::ProgressObserver& progress) : progress_(progress) {}
  void add(sources::ItemProblem problem);
  std::uint64_t count() const;
  std::vector<sources::ItemProblem> take_first(std::size_t limit);

private:
  base::ProgressObserver& progress_;
  mutable std::mutex mutex_;
  std::vector<sources::ItemProblem> first_;
  std::uint64_t count_ = 0;
};

/// Counts of a run. Threads: any.
struct Counters {
  std::atomic<std::uint64_t> files = 0;
  std::atomic<std::uint64_t> directories = 0;
  std::atomic<std::uint64_t> bytes = 0;
  std::atomic<std::uint64_t> files_new = 0;
  std::atomic<std::uint64_t> bytes_read = 0;
};

/// Everything that the parts of one run share.
struct RunState {
  const RunContext& context;
  WorkerPool& pool;
  LargeFileReader& large_files;
  repository::ChunkSink& metadata;  // used by the run's own thread only
  FileCache& cache;
  RunJournal* journal = nullptr;  // used by the run's own thread only; null when nothing is kept
  std::mutex& journal_mutex;
  ProblemList& problems;
  Counters& counters;
  base::ProgressObserver& progress;
  base::WallTime started;
  bool full = false;                        // recognise nothing: read everything
  repository::SnapshotStatistics expected;  // of the parent, for estimates; zeros without one

  sources::ProblemSink problem_sink() const;
  /// Tells the observer where the run is.
  void report(const std::string& current) const;
};

}  // namespace holdfast::backup
