#pragma once

#include "base/progress.hpp"
#include "restore/restore.hpp"

#include <atomic>
#include <mutex>
#include <string>

namespace holdfast::restore {

/// What happened so far. Threads: any.
class Report {
public:
  Report(base::ProgressObserver& observer, std::uint64_t items_total, std::uint64_t bytes_total);

  /// The run goes on and ends as partial.
  void problem(const std::string& path, const std::string& message);
  /// Said once a run, however often it happens.
  void warn_once(const std::string& message);
  void changes(const std::string& path);
  void deletes(const std::string& path);
  void needs(const NeededPack& pack);
  void item_done(const std::string& path);
  /// Content that is in place now.
  void bytes_done(std::uint64_t bytes);

  struct Counters {
    std::atomic<std::uint64_t> files = 0;
    std::atomic<std::uint64_t> directories = 0;
    std::atomic<std::uint64_t> other = 0;
    std::atomic<std::uint64_t> bytes = 0;
    std::atomic<std::uint64_t> bytes_to_write = 0;
    std::atomic<std::uint64_t> bytes_to_fetch = 0;
    std::atomic<std::uint64_t> files_written = 0;
    std::atomic<std::uint64_t> files_unchanged = 0;
    std::atomic<std::uint64_t> bytes_written = 0;
    std::atomic<std::uint64_t> bytes_verified = 0;
    std::atomic<std::uint64_t> deleted = 0;
  };
  Counters count;

  RestoreReport result();

private:
  void show(const std::string& path);

  base::ProgressObserver& observer_;
  const std::uint64_t items_total_;
  const std::uint64_t bytes_total_;
  std::atomic<std::uint64_t> items_done_ = 0;
  std::atomic<std::uint64_t> bytes_done_ = 0;
  std::mutex mutex_;
  std::uint64_t problems_left_out_ = 0;
  std::vector<std::string> warned_;
  RestoreReport report_;
};

}  // namespace holdfast::restore
