#pragma once

#include "file_cache.hpp"
#include "run_state.hpp"
#include "sources/source.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::backup {

struct DirectoryFrame;

/// The listing of one directory, made by whoever comes first: a worker that has nothing better to
/// do, or the run's own thread when it needs it.
class DirectoryScan {
public:
  DirectoryFrame* parent = nullptr;
  std::size_t slot = 0;
  std::shared_ptr<sources::SourceDirectory> above;  // null for the root of a source
  std::shared_ptr<sources::SourceDirectory> directory;
  sources::ListedEntry listed;  // the directory itself
  bool wants_details = false;   // it is new or changed: attributes and owner names are needed
  bool submitted = false;
  std::string path;
  std::uint64_t cached = 0;  // its record in the file cache

  /// Lists unless somebody does or did. What cannot be opened is a problem and leaves no entries.
  void run(const sources::ProblemSink& problems);
  /// Waits for the one who does.
  std::vector<sources::ListedEntry> take_entries(const sources::ProblemSink& problems);
  /// Whether it could be opened and read at all.
  bool readable() const { return readable_; }
  /// Whether nothing of the directory's own attributes is missing.
  bool details_complete() const { return details_complete_; }

private:
  enum class State { waiting, running, done };
  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::waiting;
  bool readable_ = true;
  bool details_complete_ = true;
  std::vector<sources::ListedEntry> entries_;
};

}  // namespace holdfast::backup
