#pragma once

#include "repository/tree.hpp"
#include "run_state.hpp"
#include "sources/source.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::backup {

struct DirectoryFrame;

/// One entry that is new or changed and must be looked at.
struct PendingEntry {
  DirectoryFrame* frame = nullptr;  // where it belongs
  std::size_t slot = 0;
  std::shared_ptr<sources::SourceDirectory> directory;  // that it was listed in
  sources::ListedEntry listed;
  std::string path;  // for messages

  // What became of it:
  bool taken = false;
  bool complete = true;  // nothing of it is missing: it may be remembered
  std::vector<base::ChunkId> chunks{};
  std::shared_ptr<sources::SourceFile>
      large{};  // opened, too large for a batch: goes to the LargeFileReader
  int attempts = 0;
};

/// Neighbours in path order, read by one thread so that they lie together in a segment.
struct FileBatch {
  std::vector<PendingEntry> entries;
  std::uint64_t bytes = 0;
  bool large = false;  // one file that was read in stripes
};

/// Files above this size are read in stripes by all threads.
inline constexpr std::uint64_t large_file_size = 8ULL * 1024 * 1024;
/// How often a file that changes while it is read is read again.
inline constexpr int attempts_max = 3;

/// Reads all entries of `batch`, notes what cannot be read as problems. A large file is opened and
/// left in `large`.
void take_batch(FileBatch& batch, ChunkWriter& writer, const RunState& run);
/// Whether what was read of `entry` is what is there: size, times and identity are as they were.
/// Updates `listed` otherwise.
bool is_unchanged(PendingEntry& entry, sources::SourceFile& file);

}  // namespace holdfast::backup
