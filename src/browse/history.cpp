#include "browse/history.hpp"

#include "browse/snapshot_view.hpp"

#include <string>
#include <utility>

namespace holdfast::browse {

namespace {

std::optional<Place> place_at(const repository::Snapshot& snapshot,
                              const std::vector<std::string>& components,
                              repository::ChunkSource& chunks) {
  const SnapshotView view(snapshot);
  auto place = view.root();
  for (const auto& component : components) {
    auto next = view.find(place, component, chunks);
    if (!next) return {};
    place = std::move(*next);
  }
  place.overlay = nullptr;  // belongs to the view
  return place;
}

/// How the path changed; nothing when it did not.
std::optional<ChangeKind> change_between(const std::optional<Place>& before,
                                         const std::optional<Place>& after) {
  if (!before && !after) return {};
  if (!before) return ChangeKind::added;
  if (!after) return ChangeKind::removed;
  if (const auto kind = compare(*before, *after)) return kind;
  if (before->node.tree != after->node.tree) return ChangeKind::content;
  return {};
}

}  // namespace

std::vector<Version> history_of(std::string_view path,
                                std::span<const repository::Snapshot* const> snapshots,
                                repository::ChunkSource& chunks) {
  const auto components = split_path(path);
  std::vector<Version> versions;
  std::optional<Place> before;
  for (const auto* snapshot : snapshots) {
    auto now = place_at(*snapshot, components, chunks);
    if (const auto kind = change_between(before, now)) {
      auto& version = versions.emplace_back();
      version.change = *kind;
      if (now) version.node = now->node;
      version.first = snapshot;
    }
    if (!versions.empty()) {
      versions.back().last = snapshot;
      ++versions.back().snapshots;
    }
    before = std::move(now);
  }
  return versions;
}

}  // namespace holdfast::browse
