#include "run_state.hpp"

#include "base/units.hpp"

#include <utility>

namespace holdfast::backup {

void ProblemList::add(sources::ItemProblem problem) {
  progress_.on_warning(base::printable(problem.path) + ": " + problem.message);
  const std::lock_guard lock(mutex_);
  ++count_;
  if (first_.size() < repository::Snapshot::problems_max) first_.push_back(std::move(problem));
}

std::uint64_t ProblemList::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

std::vector<sources::ItemProblem> ProblemList::take_first(std::size_t limit) {
  const std::lock_guard lock(mutex_);
  if (first_.size() > limit) first_.resize(limit);
  return std::move(first_);
}

sources::ProblemSink RunState::problem_sink() const {
  return [this](sources::ItemProblem problem) { problems.add(std::move(problem)); };
}

void RunState::report(const std::string& current) const {
  base::Progress now;
  now.phase = "backup";
  now.items_done = counters.files;
  now.items_total = std::max<std::uint64_t>(expected.files, now.items_done);
  now.bytes_done = counters.bytes;
  now.bytes_total = std::max<std::uint64_t>(expected.bytes, now.bytes_done);
  if (expected.files == 0) now.items_total = now.bytes_total = 0;
  if (context.session != nullptr) now.bytes_stored = context.session->statistics().bytes_stored;
  now.current = current;
  progress.on_progress(now);
}

}  // namespace holdfast::backup
