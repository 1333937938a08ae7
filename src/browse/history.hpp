#pragma once

#include "browse/diff.hpp"
#include "repository/chunk_io.hpp"
#include "repository/snapshot.hpp"
#include "repository/tree.hpp"

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace holdfast::browse {

/// What a path was in a row of snapshots that does not change it.
struct Version {
  ChangeKind change = ChangeKind::added;  // against the version before
  std::optional<repository::Node> node;   // nothing while it is gone
  const repository::Snapshot* first = nullptr;
  const repository::Snapshot* last = nullptr;
  std::size_t snapshots = 0;
};

/// The versions of `path` in `snapshots`, which are of one site, oldest first. Nothing is said of
/// the time before it is first seen. A directory has other content when anything below it changed.
/// Errors: invalid_input for what is no absolute path; those of `chunks`.
std::vector<Version> history_of(std::string_view path,
                                std::span<const repository::Snapshot* const> snapshots,
                                repository::ChunkSource& chunks);

}  // namespace holdfast::browse
