#pragma once

#include "browse/snapshot_view.hpp"
#include "repository/chunk_io.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::browse {

/// How one path differs between two places. `content` of a symlink is its target, of a device its
/// number; `metadata` is everything else that an entry has.
enum class ChangeKind : std::uint8_t { added, removed, content, metadata, type };
std::string_view name_of(ChangeKind kind);

/// How an entry differs; nothing when it does not. Of directories: they themselves, not what is in
/// them.
std::optional<ChangeKind> compare(const Place& before, const Place& after);

struct Change {
  ChangeKind kind = ChangeKind::added;
  std::string path;
  const repository::Node* before = nullptr;  // null when added
  const repository::Node* after = nullptr;   // null when removed
};

struct Side {
  const SnapshotView& view;
  Place place;
};

/// Calls `changed` for every path below `path` that differs, directories before what is in them.
/// Parts that both share are not read. That a directory's time changed is said only by what changed
/// in it.
/// Memory: as many entries as the largest two directories have.
void diff(const Side& before, const Side& after, const std::string& path,
          repository::ChunkSource& chunks, const std::function<void(const Change&)>& changed);

}  // namespace holdfast::browse
