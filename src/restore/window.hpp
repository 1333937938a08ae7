#pragma once

#include "base/fd.hpp"
#include "base/ids.hpp"
#include "directory.hpp"
#include "fetch_plan.hpp"
#include "repository/index.hpp"
#include "repository/tree.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace holdfast::restore {

class ContentMap;
struct HardLinkGroup;

/// A regular file on its way into the target.
struct FileTask {
  /// How the content comes under its name.
  enum class Placement : std::uint8_t {
    create,     // nothing is there and nobody looks: made under its name
    replace,    // written under a temporary name, then put in the place of what is there
    undecided,  // something is there: compared first
    mend,       // a large file is there: only the pieces that differ are written into it
    keep,       // the content is right already
  };

  DirectoryRef directory;
  sources::Entry entry;
  std::unique_ptr<repository::PagedContent> paged;
  bool is_database = false;  // then journals of what was there go before it comes
  std::atomic<Placement> placement = Placement::create;
  HardLinkGroup* group = nullptr;  // this is the first of several names

  // The planner's alone.
  std::unique_ptr<ContentMap> map;  // of files in chunks
  bool planned = false;             // no more pieces will come
  std::uint32_t first_piece = 0;    // in the window, for files that lie in one
  std::uint32_t piece_count = 0;

  std::mutex mutex;  // guards the next three
  /// Shared by the threads that write pieces; closed by the last of them when too many are open.
  std::shared_ptr<const base::Fd> file;
  std::string temporary;                         // the name it has now, when that is not its own
  std::optional<std::pair<dev_t, ino_t>> inode;  // which it was when it was closed on the way
  /// Pieces that are not written yet, and one for the planner as long as more may come.
  std::atomic<std::uint64_t> left{1};
  std::atomic<bool> failed = false;
  std::atomic<bool> touched = false;  // something of it was written or made

  FileTask();
  ~FileTask();
  std::string path() const { return directory->path_of(entry.name); }
};

/// Shared by the windows that its pieces lie in; dropped with the last.
using FileRef = std::shared_ptr<FileTask>;

/// A stretch of a chunk and where it belongs in the file.
struct Extent {
  std::uint64_t file_offset = 0;
  std::uint32_t chunk_offset = 0;
  std::uint32_t length = 0;
};

/// A chunk of one file.
struct Piece {
  FileTask* file = nullptr;
  base::ChunkId id;
  repository::ChunkLocation location;
  std::uint32_t first_extent = 0;  // in Window::extents
  std::uint32_t extent_count = 0;
  bool wanted = true;  // false when the bytes are there already
};

/// What is restored at a time. Bounded by bytes and by files, so that memory does not grow with
/// what is restored.
struct Window {
  static constexpr std::uint64_t bytes_max = 256ULL * 1024 * 1024;
  static constexpr std::size_t files_max = 8 * 1024;
  static constexpr std::size_t pieces_max = 256 * 1024;

  std::vector<FileRef> files;       // that have pieces here, or none at all
  std::vector<FileTask*> complete;  // of them, those whose last piece is in none or an older window
  std::vector<Piece> pieces;
  std::vector<Extent> extents;
  std::uint64_t bytes = 0;
  FetchPlan fetch;  // made when it is known which pieces are wanted

  bool full() const {
    return bytes >= bytes_max || files.size() >= files_max || pieces.size() >= pieces_max;
  }
  bool empty() const { return files.empty(); }
};

}  // namespace holdfast::restore
