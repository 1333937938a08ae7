#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "repository/chunk_io.hpp"
#include "repository/repository.hpp"
#include "repository/segment_reader.hpp"

#include <atomic>
#include <cstdint>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace holdfast::repository {

/// A chunk's bytes, in memory as long as this lives.
struct HeldChunk {
  std::shared_ptr<const void> holder;
  base::ByteView bytes;
};

/// Single chunks of a repository, each verified against its id; keeps the segments opened last,
/// because chunks that are read one after the other mostly stand in one segment. A segment that
/// several threads want is opened once.
///
/// Threads: any, at the same time.
class ChunkReader final : public ChunkSource {
public:
  static constexpr std::size_t kept_bytes_default = 16UL * 1024 * 1024;

  /// Keeps at most `kept_bytes_max` bytes of decoded segments, and always one.
  explicit ChunkReader(Repository& repository, std::size_t kept_bytes_max = kept_bytes_default);
  ~ChunkReader() override;

  base::Bytes load(const base::ChunkId& id) override;
  /// As load, without a copy. When the pack is gone or damaged, the chunk is taken from another
  /// place that the index knows; when a prune moved it meanwhile, from where a new index says; when
  /// the index lost it, from the packs, if Repository::read_unindexed_packs says so.
  /// Errors: not_found, corrupt: of the first place.
  HeldChunk hold(const base::ChunkId& id);
  /// The chunk from any place but `lost`; nothing when no other has it.
  std::optional<HeldChunk> hold_elsewhere(const base::ChunkId& id, const ChunkLocation& lost);

private:
  HeldChunk hold_indexed(const base::ChunkId& id);
  HeldChunk hold_at(const base::ChunkId& id, const ChunkLocation& location);
  bool look_again();

  struct Segment;
  using Opening = std::shared_future<std::shared_ptr<Segment>>;
  struct Kept {
    SegmentLocation location;
    Opening segment;
  };
  using Recent = std::list<Kept>;

  std::shared_ptr<Segment> segment_at(const SegmentLocation& location);
  std::shared_ptr<Segment> open(const SegmentLocation& location);
  std::unique_ptr<SegmentReader> take_reader();
  void drop(Recent::iterator which);

  Repository& repository_;
  const std::size_t kept_bytes_max_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<SegmentReader>> idle_;  // one for each thread that read at a time
  Recent recent_;                                     // newest first
  std::map<SegmentLocation, Recent::iterator> known_;
  std::size_t kept_bytes_ = 0;
  std::atomic<bool> reloaded_ = false;
};

}  // namespace holdfast::repository
