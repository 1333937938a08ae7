#pragma once

#include <cstdint>
#include <string>

namespace holdfast::base {

/// What a long operation has done so far; a value pushed to an observer, never a print.
struct Progress {
  std::string phase;  // "backup", "restore", "check"
  std::uint64_t items_done = 0;
  std::uint64_t items_total = 0;  // 0 while unknown
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;  // 0 while unknown
  std::uint64_t bytes_stored = 0;
  std::string current;  // the item in work, raw bytes
};

/// Threads: called from any thread, several at a time; must return at once.
class ProgressObserver {
public:
  virtual ~ProgressObserver() = default;
  virtual void on_progress(const Progress& progress) = 0;
  /// Something a person should know and the run goes on.
  virtual void on_warning(const std::string& message) = 0;
};

/// Sees nothing.
class NoProgress final : public ProgressObserver {
public:
  void on_progress(const Progress&) override {}
  void on_warning(const std::string&) override {}
};

}  // namespace holdfast::base
