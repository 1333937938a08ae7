#include "directory_scan.hpp"

#include "base/error.hpp"

#include <utility>

namespace holdfast::backup {

void DirectoryScan::run(const sources::ProblemSink& problems) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::waiting) return;
    state_ = State::running;
  }
  try {
    if (!directory) directory = above->open_directory(listed);
    if (wants_details && above) {
      above->load_details(listed, [&](sources::ItemProblem problem) {
        details_complete_ = false;
        problems(std::move(problem));
      });
    }
    entries_ = directory->list(problems);
  } catch (const base::Error& error) {
    problems({path, error.kind(), error.what()});
    readable_ = false;
  }
  above.reset();
  {
    const std::lock_guard lock(mutex_);
    state_ = State::done;
  }
  changed_.notify_all();
}

std::vector<sources::ListedEntry> DirectoryScan::take_entries(
    const sources::ProblemSink& problems) {
  run(problems);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return state_ == State::done; });
  return std::move(entries_);
}

}  // namespace holdfast::backup
