#pragma once

#include "base/adaptive_concurrency.hpp"
#include "base/bytes.hpp"
#include "base/task_group.hpp"
#include "repository/repository.hpp"
#include "repository/segment_reader.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>

namespace holdfast::repository {

/// Reads parts of packs before somebody wants them, several at a time, because over a long line it
/// is the waiting that costs. How many at a time it finds out by trying. Where the line is no
/// matter it does nothing.
///
/// Memory:  at most 64 MiB wait to be taken.
/// Threads: any.
class ReadAhead {
public:
  ReadAhead(Repository& repository, std::stop_token stopping);
  ~ReadAhead();

  /// Whether the store is one that this pays for.
  bool pays() const { return streams_max_ > 1; }
  /// Says that much will be read: the store connects already. What fails of that is told, if it
  /// matters, by what is read.
  void connect();
  /// Says what will be taken, about in this order.
  void expect(std::span<const PackRange> ranges);
  /// The bytes, if they were expected and could be read: waits for them when they are under way.
  /// False: whoever wants them reads them. Each can be taken once.
  bool take(const PackRange& range, base::Buffer& into);

private:
  enum class State : std::uint8_t { waiting, reading, there, failed };
  struct Part {
    PackRange range;
    State state = State::waiting;
    base::Buffer bytes{};
  };
  using PartRef = std::shared_ptr<Part>;  // of the list, and of the thread that reads it

  void serve(const std::stop_token& stopping);
  PartRef next(const std::stop_token& stopping);
  bool read(Part& part);

  Repository& repository_;
  const unsigned streams_max_;
  base::AdaptiveConcurrency streams_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<PackRange, PartRef> parts_;
  std::deque<PartRef> waiting_;
  unsigned reading_ = 0;
  std::uint64_t held_bytes_ = 0;  // read or being read, and not taken
  base::TaskGroup readers_;       // last: they end before what they use
};

}  // namespace holdfast::repository
