#pragma once

#include "base/progress.hpp"
#include "repository/repository.hpp"
#include "repository/snapshot.hpp"

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::restore {

/// Where things come back to.
enum class Layout : std::uint8_t {
  recreate,  // each item beneath `directory` by its absolute path
  contents,  // the contents of `path` directly in `directory`
  in_place,  // where they were; `directory` is "/" (or another root, in tests)
};

struct RestoreRequest {
  Layout layout = Layout::recreate;
  std::string directory;  // absolute; made if missing. Empty in a dry run: nothing is there yet
  std::vector<std::string> paths;  // only these (absolute, as in the snapshot); empty: everything
  bool delete_extra = false;       // in place: remove what the snapshot does not have
  bool verify = true;              // read everything back and compare with the chunk ids
  bool sparse = true;              // make holes where the original had them
  bool owners = true;  // restore owners (needs privilege; off: everything belongs to who runs it)
  /// The snapshot is trusted with device nodes, setuid, setgid, and the security.* and trusted.*
  /// attributes. Without it they are left out, each as a problem.
  bool special = false;
  bool allow_existing = false;  // recreate and contents: write into a directory that is not empty
  bool dry_run = false;
  unsigned threads = 0;  // 0: as many as there are cores
};

/// A pack of which something is needed.
struct NeededPack {
  base::PackId id;
  std::uint64_t size = 0;
};

/// What a restore will do or would do, before it does it.
struct RestorePlan {
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t other = 0;
  std::uint64_t bytes = 0;           // content to be in place at the end
  std::uint64_t bytes_to_write = 0;  // of it not there already
  std::uint64_t bytes_to_fetch = 0;  // stored bytes to read from the repository
  std::uint64_t packs = 0;
  std::vector<NeededPack> needed;      // these, by id
  std::vector<std::string> to_delete;  // extras, when asked for
  std::vector<std::string> to_change;  // in place: paths that differ, the first ten thousand
};

struct RestoreProblem {
  std::string path;
  std::string message;
};

struct RestoreReport {
  RestorePlan plan;
  std::uint64_t files_written = 0;
  std::uint64_t files_unchanged = 0;  // were right already
  std::uint64_t bytes_written = 0;
  std::uint64_t bytes_verified = 0;
  std::uint64_t deleted = 0;
  std::vector<RestoreProblem> problems;  // the run is partial when there are any
};

/// Brings `snapshot` (or parts) back: planned, coalesced, parallel, out of order. Writes only
/// beneath the target, whatever the repository or the target directory hold: openat2 beneath a
/// directory handle, symlinks last, hard links only to what this run finished.
///
/// In a directory that the run made, which nobody else can enter before it is finished, files are
/// written under their names. In one that was there, a file comes under its name when it is whole;
/// one of 64 MiB or more that is there already is mended piece by piece. A database is always
/// replaced as a whole, and the journals of the one that was there are removed (`to_delete`).
///
/// An interrupted restore goes on where it stopped: what is right is left alone. A file in the
/// target says that it is not whole yet, so that the same snapshot may be restored into it again.
///
/// Durable: in place when this returns; a new directory is left to the kernel, as with cp and tar.
/// Errors:  conflict when the target is not empty and that was not allowed; no_space; Cancelled;
///          store and key errors. Damage in the repository is a problem of the files that need it,
///          each named, never wrong bytes with success.
RestoreReport run_restore(repository::Repository& repository, const repository::Snapshot& snapshot,
                          const RestoreRequest& request, base::ProgressObserver& progress,
                          std::stop_token stopping);

}  // namespace holdfast::restore
