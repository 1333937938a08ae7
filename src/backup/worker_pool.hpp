#pragma once

#include "base/task_group.hpp"
#include "chunk_writer.hpp"

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>

namespace holdfast::backup {

/// Which job goes first. Work that frees memory comes before work that takes some.
enum class Urgency : std::uint8_t { chunk, stripe, batch, scan };

/// Threads that each own a ChunkWriter and run jobs.
///
/// Order:   by urgency; within one, first come first served, but for scans: there the newest is
///          wanted soonest.
/// Errors:  the first job that throws stops all; finish() and every wait of the owner rethrow
///          or end.
/// Threads: submit from any thread; finish from the owner.
class WorkerPool {
public:
  using Job = std::function<void(ChunkWriter&)>;

  WorkerPool(unsigned threads, const std::function<std::unique_ptr<ChunkWriter>()>& make_writer,
             std::stop_token parent);

  /// After the pool stopped, jobs are dropped unseen.
  void submit(Urgency urgency, Job job);
  /// Runs out of jobs, flushes every writer, ends the threads. Throws what a job threw.
  void finish();
  /// Ends the threads and drops all jobs, for an owner that gives up; nothing is thrown.
  void abandon();
  /// Stops when a job failed or the parent was asked to.
  std::stop_token token() const { return group_.token(); }
  /// Throws what stopped the pool.
  [[noreturn]] void rethrow();

private:
  void run(ChunkWriter& writer, const std::stop_token& stopping);
  Job take(const std::stop_token& stopping);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::array<std::deque<Job>, 4> jobs_;
  bool closed_ = false;
  base::TaskGroup group_;  // last: its threads use all the above
};

}  // namespace holdfast::backup
