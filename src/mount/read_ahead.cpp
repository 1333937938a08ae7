#include "read_ahead.hpp"

#include "base/error.hpp"

namespace holdfast::mount {

ReadAhead::ReadAhead(repository::ChunkReader& chunks) : chunks_(chunks) {
  for (unsigned i = 0; i < threads; ++i)
    group_.spawn([this](const std::stop_token& stopping) { run(stopping); });
}

void ReadAhead::want(const std::vector<base::ChunkId>& ids) {
  if (ids.empty()) return;
  const std::lock_guard lock(mutex_);
  waiting_.insert(waiting_.end(), ids.begin(), ids.end());
  while (waiting_.size() > waiting_max)
    waiting_.pop_front();
  changed_.notify_all();
}

void ReadAhead::run(const std::stop_token& stopping) {
  for (;;) {
    base::ChunkId id;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stopping, [this] { return !waiting_.empty(); })) return;
      id = waiting_.front();
      waiting_.pop_front();
    }
    try {
      chunks_.hold(id);
    } catch (const base::Error&) {
      continue;  // who reads it will hear
    }
  }
}

}  // namespace holdfast::mount
