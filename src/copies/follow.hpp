#pragma once

#include "base/ids.hpp"
#include "repository/repository.hpp"
#include "storage/backend.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <stop_token>

namespace holdfast::copies {

/// Sends packs to a copy while a backup goes on, so that little is left to be sent when it ends.
/// They count for nothing there until run_copy makes them known.
/// Threads: stored and finish from any; run from one.
class PackFollower {
public:
  PackFollower(repository::Repository& source, storage::Backend& copy)
      : source_(source), copy_(copy) {}

  /// That the repository has a new pack. Returns at once.
  void stored(const base::PackId& pack);
  /// That no more will come.
  void finish();
  /// Sends what comes, until finish() was called and nothing is left.
  /// Errors: of the stores. Cancelled.
  void run(const std::stop_token& stopping);

private:
  repository::Repository& source_;
  storage::Backend& copy_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable_any changed_;
  std::deque<base::PackId> waiting_;
  bool finished_ = false;
};

}  // namespace holdfast::copies
