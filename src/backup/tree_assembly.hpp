#pragma once

#include "directory_scan.hpp"
#include "file_batch.hpp"
#include "file_cache.hpp"
#include "repository/tree.hpp"
#include "run_state.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace holdfast::backup {

/// A directory whose entries are being taken.
struct DirectoryFrame {
  enum class SlotState : std::uint8_t { pending, kept, fresh, dropped };
  struct Slot {
    std::string name;
    SlotState state = SlotState::pending;
    Fingerprint fingerprint = 0;
    std::uint64_t child = 0;                    // directories: their record in the new cache
    std::optional<std::uint32_t> cached_index;  // the same name in the cached directory
    base::Bytes node;                           // encoded, when fresh
  };

  DirectoryFrame* parent = nullptr;
  std::size_t slot_in_parent = 0;
  sources::ListedEntry listed;  // the directory itself
  bool has_details = false;     // of `listed`
  std::uint64_t seed = 0;
  std::optional<CachedDirectory> cached;
  const FileCache::Root* cached_root =
      nullptr;  // only of the top, which has the root as its one slot
  std::vector<Slot> slots;
  std::size_t pending = 0;
  bool must_encode = false;

  /// Where the cache keeps the directory in `slot`; 0 when it does not.
  std::uint64_t cached_child(std::size_t slot) const;
  base::ByteView cached_node(std::size_t slot) const;
  Fingerprint cached_fingerprint(std::size_t slot) const;

private:
  friend class TreeAssembly;
  std::size_t cursor = 0;  // where the next name most likely is in the cached directory
  std::unordered_map<std::uint64_t, std::uint32_t> by_name;  // made when the cursor missed
};

/// Puts directories together from what was kept, read or dropped, bottom up, and remembers them in
/// the file cache. Threads: the run's own.
class TreeAssembly {
public:
  explicit TreeAssembly(const RunState& run) : run_(run) {}

  /// The frame above the root, whose only slot is the root itself.
  DirectoryFrame* open_top(const std::string& path, const sources::ListedEntry& root);
  DirectoryFrame* open_directory(DirectoryScan& scan, std::size_t entry_count);

  /// Keeps the entry as it was when nothing about it changed, or as an interrupted run left it.
  /// False: it must be read.
  bool reuse(DirectoryFrame& frame, std::size_t slot, const sources::ListedEntry& listed);
  /// Announces a directory; true when its own attributes are as they were.
  bool expect_directory(DirectoryFrame& frame, std::size_t slot,
                        const sources::ListedEntry& listed);
  void complete(PendingEntry& entry);
  /// Notes what became of an entry for the run after this one, which ends here.
  void remember(const PendingEntry& entry);
  /// Encodes the frame, and those above it, as far as all their entries are in.
  void finish_if_done(DirectoryFrame* frame);
  repository::Node take_root();

private:
  void begin_slot(DirectoryFrame& frame, std::size_t slot, const sources::ListedEntry& listed);
  std::optional<std::uint32_t> find_cached(DirectoryFrame& frame, std::uint64_t key) const;
  void put_in_slot(PendingEntry& entry, std::uint64_t seed, DirectoryFrame::Slot& slot);
  bool resume(DirectoryFrame::Slot& slot);
  void remember_for_resume(Fingerprint fingerprint, const repository::Node& node);
  void finish(DirectoryFrame& frame);
  void put_in_parent(DirectoryFrame& frame, const base::ChunkId& tree, std::uint64_t record,
                     bool unchanged);
  void finish_top(DirectoryFrame& frame);

  const RunState& run_;
  std::string root_path_;
  std::unordered_map<DirectoryFrame*, std::unique_ptr<DirectoryFrame>> frames_;
  std::optional<repository::Node> root_;
};

}  // namespace holdfast::backup
