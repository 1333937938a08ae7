#pragma once

#include "browse/snapshot_view.hpp"
#include "repository/chunk_io.hpp"
#include "repository/snapshot.hpp"

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace holdfast::browse {

/// Decoded bytes that a chunk reader should keep for walks of many snapshots: the unchanged trees
/// of a large site stand in a few segments, which would otherwise be opened again and again.
inline constexpr std::size_t kept_tree_bytes = 128UL * 1024 * 1024;

/// An entry that was looked for.
struct Match {
  std::string path;
  sources::Entry entry;
  bool operator==(const Match&) const = default;
};
/// Shared: a directory that does not change gives the same matches in every snapshot.
using Matches = std::vector<std::shared_ptr<const Match>>;

/// Looks for entries in one snapshot after the other. A directory that was there unchanged in an
/// earlier snapshot is not read again; of one that is stored as its differences from a tree that
/// was read, only the differences are.
class Finder {
public:
  using Test = std::function<bool(const std::string& path, const sources::Entry& entry)>;
  Finder(repository::ChunkSource& chunks, Test test) : chunks_(chunks), test_(std::move(test)) {}

  /// All that pass the test, depth first in byte order of names.
  Matches find_in(const repository::Snapshot& snapshot);

private:
  class Search;
  /// What was found below one directory.
  struct Known {
    Matches matches;
    std::vector<std::string> unseen;  // names in it that were not looked at, ascending
  };

  repository::ChunkSource& chunks_;
  const Test test_;
  std::unordered_map<std::string, Known> known_;  // by tree id and path
};

}  // namespace holdfast::browse
