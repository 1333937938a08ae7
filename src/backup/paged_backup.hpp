#pragma once

#include "paged_cache.hpp"
#include "repository/snapshot.hpp"
#include "run_state.hpp"
#include "sources/source.hpp"

#include <optional>

namespace holdfast::backup {

/// A paged file that was taken; its cache is committed with the snapshot.
struct PagedResult {
  PagedCache cache;
  std::uint32_t block_size = 0;
};

/// Takes a file of pages. Fills root, ancestors and stamp of `item`.
///
/// Idea:   every block is hashed and compared with the hash that the parent's map has at its
/// position. Changed blocks are
///         gathered in order into superblocks, which are chunks; the map says for each block which
///         superblock and slot has it.
/// Units:  a block is two pages, at least 8 KiB; a superblock 256 KiB, or 1 MiB when there is no
/// parent.
PagedResult back_up_pages(sources::PagedSource& source, const std::string& site,
                          const RunState& run, const std::optional<base::SnapshotId>& parent,
                          repository::SnapshotItem& item);

/// Takes a stream to its end. Fills root and stamp of `item`.
void back_up_stream(sources::StreamSource& source, const RunState& run,
                    repository::SnapshotItem& item);

}  // namespace holdfast::backup
