#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "data_extents.hpp"
#include "pipeline/chunker.hpp"
#include "sources/source.hpp"
#include "worker_pool.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace holdfast::backup {

/// Reads large files with all threads at once.
///
/// Problem: one file must keep every core busy, and be cut exactly as a sequential scan would cut
///          it.
/// Idea:    the gear hash sees 64 bytes only, so candidates of a stripe can be found by any thread
///          that also reads the 64 bytes before it. A sequencer takes the stripes' candidates in
///          order and chooses the cuts, which costs nothing; each chunk is then hashed, compressed
///          and sealed by whoever is free, out of the stripe's memory.
/// Cost:    `stripes_max` stripes of memory in all. Only one file at a time takes new stripes, and
///          at most two of its stripes wait for a cut, so there is always progress.
/// Threads: submit from any thread.
class LargeFileReader {
public:
  static constexpr std::size_t stripe_size = 4UL * 1024 * 1024;

  struct Result {
    std::vector<base::ChunkId> chunks;
    std::uint64_t bytes = 0;  // less than the extents' length when the file became shorter
    std::string error;        // why it could not be read; empty when it could
    base::ErrorKind error_kind = base::ErrorKind::io;
  };
  using Done = std::function<void(Result)>;

  LargeFileReader(WorkerPool& pool, const pipeline::Gear& gear, unsigned stripes_max);
  /// Files that were not finished are left. No job of theirs may run any more.
  ~LargeFileReader();
  LargeFileReader(const LargeFileReader&) = delete;
  LargeFileReader& operator=(const LargeFileReader&) = delete;

  /// `done` is called once, by any thread.
  void submit(std::shared_ptr<sources::SourceFile> file, DataExtents extents, Done done);

private:
  struct Stripe;
  struct File;

  void issue();
  void read_stripe(const std::shared_ptr<File>& file, std::uint64_t number);
  void sequence(const std::shared_ptr<File>& file, std::shared_ptr<Stripe> stripe);
  void dispatch(const std::shared_ptr<File>& file, const std::vector<std::uint64_t>& cuts);
  void finish_part(const std::shared_ptr<File>& file);
  std::shared_ptr<Stripe> make_stripe();

  WorkerPool& pool_;
  const pipeline::Gear& gear_;
  std::mutex mutex_;
  std::deque<std::shared_ptr<File>> waiting_;  // the first takes new stripes
  unsigned stripes_free_;
};

}  // namespace holdfast::backup
