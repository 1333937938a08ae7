#include "worker_pool.hpp"

#include "base/error.hpp"

#include <utility>

namespace holdfast::backup {

WorkerPool::WorkerPool(unsigned threads,
                       const std::function<std::unique_ptr<ChunkWriter>()>& make_writer,
                       std::stop_token parent)
    : group_(std::move(parent)) {
  for (unsigned i = 0; i < threads; ++i) {
    std::shared_ptr<ChunkWriter> writer = make_writer();
    group_.spawn([this, writer](std::stop_token stopping) { run(*writer, stopping); });
  }
}

void WorkerPool::submit(Urgency urgency, Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (group_.token().stop_requested()) return;
    HF_ASSERT(!closed_, "no job comes after finish");
    jobs_[static_cast<std::size_t>(urgency)].push_back(std::move(job));
  }
  changed_.notify_one();
}

void WorkerPool::run(ChunkWriter& writer, const std::stop_token& stopping) {
  try {
    while (auto job = take(stopping))
      job(writer);
  } catch (const base::Cancelled&) {
    // What was gathered is sealed, so that the next run finds it; a failed store says so again.
    writer.flush();
    throw;
  }
  writer.flush();
}

WorkerPool::Job WorkerPool::take(const std::stop_token& stopping) {
  std::unique_lock lock(mutex_);
  const auto any = [&] {
    for (const auto& queue : jobs_)
      if (!queue.empty()) return true;
    return closed_;
  };
  if (!changed_.wait(lock, stopping, any)) throw base::Cancelled();
  for (auto& queue : jobs_) {
    if (queue.empty()) continue;
    const bool newest_first = &queue == &jobs_[static_cast<std::size_t>(Urgency::scan)];
    Job job = std::move(newest_first ? queue.back() : queue.front());
    newest_first ? queue.pop_back() : queue.pop_front();
    return job;
  }
  return {};
}

void WorkerPool::finish() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
  group_.join();
}

void WorkerPool::abandon() {
  group_.request_stop();
  try {
    group_.join();
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
    // The owner gives up because of this failure or of one of its own: it has it already.
  }
  std::array<std::deque<Job>, 4> dropped;  // destroyed after the lock: jobs may submit when they go
  {
    const std::lock_guard lock(mutex_);
    dropped.swap(jobs_);
  }
}

void WorkerPool::rethrow() {
  group_.request_stop();
  group_.join();
  throw base::Cancelled();
}

}  // namespace holdfast::backup
