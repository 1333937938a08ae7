#pragma once

#include "base/ids.hpp"
#include "base/task_group.hpp"
#include "repository/chunk_reader.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <vector>

namespace holdfast::mount {

/// Opens chunks into the cache of a reader before they are asked for. What cannot be read is left
/// to who asks for it: it is no failure here.
/// Threads: any may call want(); makes a few of its own.
class ReadAhead {
public:
  explicit ReadAhead(repository::ChunkReader& chunks);

  /// What is wanted longest is dropped when readers ask for more than can be done.
  void want(const std::vector<base::ChunkId>& ids);

private:
  void run(const std::stop_token& stopping);

  static constexpr unsigned threads = 2;
  static constexpr std::size_t waiting_max = 256;

  repository::ChunkReader& chunks_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<base::ChunkId> waiting_;
  base::TaskGroup group_;  // last: it ends before what it works with
};

}  // namespace holdfast::mount
