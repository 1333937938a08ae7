#pragma once

#include "base/progress.hpp"
#include "repository/repository.hpp"
#include "repository/snapshot.hpp"
#include "sources/source.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

namespace holdfast::backup {

/// One thing to take. The order of items is the order in the snapshot.
struct BackupItem {
  repository::ItemKind kind = repository::ItemKind::files;
  std::variant<std::unique_ptr<sources::TreeSource>, std::unique_ptr<sources::PagedSource>,
               std::unique_ptr<sources::StreamSource>>
      source;
};

struct BackupRequest {
  std::string site;  // names the history that this run continues
  std::string host;
  std::vector<std::string> tags;
  std::string tool_version;
  repository::SnapshotKind kind =
      repository::SnapshotKind::incremental;  // full: read everything again
  std::vector<BackupItem> items;
  int compression_level = 3;
  std::optional<unsigned> parity_percent;  // of the packs; nothing: what the repository says
  unsigned threads = 0;                    // 0: as many as there are cores
  bool dry_run = false;                    // reads and counts, stores nothing
  /// Called after a pack is durable. Any thread; must return at once.
  std::function<void(const base::PackId&)> on_pack_stored{};
};

struct BackupResult {
  repository::Snapshot
      snapshot;  // as committed; in a dry run as it would have been, with a zero id
  std::size_t packs_resumed = 0;  // stored by an interrupted run and used by this one
};

/// Takes one consistent point of all items into the repository. Items that cannot be read are in
/// the snapshot's problems and make it partial; a source that is missing altogether is a problem
/// too, unless it is the only one.
///
/// What is unchanged since this machine's last run for the site is recognised by (size, mtime,
/// ctime, inode) and not opened.
/// Nothing is read from the repository but records and the index: a key that cannot read contents
/// backs up as well as one that can.
/// Errors:  access_denied for a role that does not back up. Cancelled when `stopping`: what was
///          sealed by then is found again by the next run. Otherwise the store's and keys'.
/// Threads: starts its own and joins them.
BackupResult run_backup(repository::Repository& repository, BackupRequest request,
                        base::ProgressObserver& progress, std::stop_token stopping);

}  // namespace holdfast::backup
