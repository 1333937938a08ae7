#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "pipeline/chunker.hpp"
#include "pipeline/segment.hpp"
#include "repository/repository.hpp"
#include "repository/write_session.hpp"

#include <atomic>
#include <cstdint>
#include <vector>

namespace holdfast::backup {

/// What all threads of a run share.
struct RunContext {
  repository::Repository& repository;
  repository::WriteSession* session = nullptr;  // null in a dry run
  const pipeline::Gear& file_gear;
  const pipeline::Gear& stream_gear;
  int compression_level = 3;
};

/// Turns bytes into stored chunks: hashes, asks whether they are known, gathers the new ones into
/// segments and stores those. In a dry run it counts instead. One per thread.
class ChunkWriter {
public:
  explicit ChunkWriter(const RunContext& run);

  /// Takes one chunk of file content.
  base::ChunkId put(base::ByteView chunk);
  /// Cuts `content` and takes every chunk of it.
  void put_content(base::ByteView content, std::vector<base::ChunkId>& ids);
  /// Takes a chunk of a stream that shifts; these go to packs of their own.
  base::ChunkId put_stream(base::ByteView chunk);
  void flush();
  /// Room of this thread to read into.
  base::Buffer& scratch() { return scratch_; }
  const RunContext& run() const { return run_; }

private:
  base::ChunkId put_into(pipeline::SegmentBuilder& segment, pipeline::PackKind kind,
                         base::ByteView chunk);
  void seal(pipeline::SegmentBuilder& segment, pipeline::PackKind kind);

  const RunContext& run_;
  pipeline::SegmentBuilder data_;
  pipeline::SegmentBuilder stream_;
  pipeline::SegmentCodec codec_;
  std::vector<std::uint32_t> ends_;
  base::Buffer scratch_;
};

}  // namespace holdfast::backup
