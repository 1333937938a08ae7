#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "repository/chunk_io.hpp"
#include "repository/repository.hpp"
#include "repository/segment_reader.hpp"

#include <list>
#include <mutex>

namespace holdfast::repository {

/// Single chunks of a repository, each verified against its id; keeps the segments opened last,
/// because chunks that are read one after the other mostly stand in one segment. Any thread, one at
/// a time inside.
class ChunkReader final : public ChunkSource {
public:
  explicit ChunkReader(Repository& repository) : repository_(repository), reader_(repository) {}

  base::Bytes load(const base::ChunkId& id) override;

private:
  static constexpr std::size_t kept_bytes_max = 16UL * 1024 * 1024;

  struct Segment {
    SegmentLocation location;
    base::Bytes bytes;
  };
  base::ByteView segment_at(const SegmentLocation& location);

  Repository& repository_;
  std::mutex mutex_;
  SegmentReader reader_;
  std::list<Segment> recent_;  // newest first
  std::size_t kept_bytes_ = 0;
};

}  // namespace holdfast::repository
