#pragma once

#include "repository/snapshot.hpp"
#include "run_state.hpp"
#include "sources/source.hpp"

namespace holdfast::backup {

/// Takes one tree of files. Fills root, ancestors and stamp of `item`.
///
/// Problem: read what is new with all cores, in path order, without opening or encoding what is
///          not.
/// Idea:    this thread walks the tree in path order and compares each directory with the cache.
///          Listings are made ahead of it by idle workers. New and changed files are gathered into
///          batches of about a segment, which a worker reads, hashes, compresses and seals while
///          they are in its cache. A directory is encoded when the last of its entries came back;
///          one in which nothing changed keeps its tree and is not encoded at all.
/// Cost:    an unchanged file costs one stat and one comparison of 8 bytes.
/// Errors:  not_found when the root is not there; items that cannot be read are problems.
void back_up_tree(sources::TreeSource& source, const RunState& run, repository::SnapshotItem& item);

}  // namespace holdfast::backup
