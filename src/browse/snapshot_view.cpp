#include "browse/snapshot_view.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "repository/tree.hpp"

#include <fmt/format.h>

#include <utility>

namespace holdfast::browse {

namespace {

using repository::Lists;
using repository::Node;
using repository::SnapshotItem;

// No system that we back up has paths of more components for a source; bounds recursion.
constexpr std::size_t item_depth_max = 4096;
// Levels that a walk recurses into before it keeps directories on the heap instead.
constexpr std::size_t recursion_max = 64;

bool is_directory(const Node& node) { return node.entry.kind == sources::EntryKind::directory; }

/// A directory above items.
Place way_to_items(const std::string& name, const Overlay& overlay) {
  Place place;
  if (overlay.ancestor != nullptr) place.node.entry = *overlay.ancestor;
  place.recorded = overlay.ancestor != nullptr;
  if (!place.recorded) place.node.entry.mode = 0755;
  place.node.entry.name = name;
  place.node.entry.kind = sources::EntryKind::directory;
  place.overlay = &overlay;
  return place;
}

Place start_of_item(const std::string& name, const Overlay& overlay) {
  Place place;
  place.node = overlay.item->root;
  place.node.entry.name = name;
  place.item = overlay.item;
  if (is_directory(place.node) && !overlay.children.empty()) place.overlay = &overlay;
  return place;
}

/// What stands at `overlay` when the tree around it has `within` there, or nothing.
Place combine(const std::string& name, const Overlay& overlay, Node* within,
              const SnapshotItem* item) {
  if (overlay.item != nullptr) return start_of_item(name, overlay);
  if (within == nullptr || !is_directory(*within)) return way_to_items(name, overlay);
  Place place;
  place.node = std::move(*within);
  place.item = item;
  place.overlay = &overlay;
  return place;
}

class Walk {
public:
  Walk(const SnapshotView& view, repository::ChunkSource& chunks, Visitor& visitor)
      : view_(view), chunks_(chunks), visitor_(visitor) {}

  void below(const Place& directory, std::size_t depth) {
    if (depth >= recursion_max) return below_on_heap(directory);
    list(directory, [&](Place&& place) {
      if (go_into(place)) {
        below(place, depth + 1);
        visitor_.left();
      }
      return true;
    });
  }

private:
  struct Level {
    std::vector<Place> entries;
    std::size_t next = 0;
  };

  bool go_into(Place& place) {
    const bool directory = is_directory(place.node);
    return visitor_.see(place) == Descend::yes && directory;
  }

  void list(const Place& directory, const std::function<bool(Place&&)>& visit) {
    try {
      view_.list(directory, chunks_, visit, [this](repository::TreeBase&& base) {
        return visitor_.knows_base(std::move(base));
      });
    } catch (const base::Error& error) {
      visitor_.damaged(error);
    }
  }

  Level load(const Place& directory) {
    Level level;
    list(directory, [&](Place&& place) {
      level.entries.push_back(std::move(place));
      return true;
    });
    return level;
  }

  void below_on_heap(const Place& directory) {
    std::vector<Level> levels;
    levels.push_back(load(directory));
    while (!levels.empty()) {
      Level& level = levels.back();
      if (level.next == level.entries.size()) {
        levels.pop_back();
        if (!levels.empty()) visitor_.left();
        continue;
      }
      Place place = std::move(level.entries[level.next++]);
      if (!go_into(place)) continue;
      if (levels.size() >= repository::tree_depth_max)
        throw base::Error(base::ErrorKind::corrupt, "directories are nested without end");
      levels.push_back(load(place));
    }
  }

  const SnapshotView& view_;
  repository::ChunkSource& chunks_;
  Visitor& visitor_;
};

}  // namespace

void Visitor::damaged(const base::Error&) { throw; }

std::vector<std::string> split_path(std::string_view path) {
  if (path.empty() || path.front() != '/')
    throw base::Error(base::ErrorKind::invalid_input,
                      fmt::format("'{}' is not an absolute path", base::printable(path)));
  std::vector<std::string> components;
  while (!path.empty()) {
    const auto slash = path.find('/');
    const auto component = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (component.empty()) continue;
    if (component == "." || component == ".." || component.find('\0') != std::string_view::npos)
      throw base::Error(base::ErrorKind::invalid_input,
                        fmt::format("'{}' cannot be part of a path", base::printable(component)));
    components.emplace_back(component);
  }
  return components;
}

SnapshotView::SnapshotView(const repository::Snapshot& snapshot) {
  for (const SnapshotItem& item : snapshot.items)
    add(item);
}

SnapshotView::SnapshotView(std::span<const SnapshotItem* const> items) {
  for (const SnapshotItem* item : items)
    add(*item);
}

void SnapshotView::add(const SnapshotItem& item) {
  std::vector<std::string> components;
  try {
    components = split_path(item.path);
  } catch (const base::Error& error) {
    throw base::Error(
        base::ErrorKind::corrupt,
        fmt::format("an item of the snapshot has no possible path: {}", error.what()));
  }
  if (components.size() > item_depth_max)
    throw base::Error(base::ErrorKind::corrupt, "the path of an item of the snapshot is endless");
  Overlay* at = &top_;
  for (std::size_t i = 0; i < components.size(); ++i) {
    at = &at->children[components[i]];
    if (i + 1 < components.size() && i < item.ancestors.size()) at->ancestor = &item.ancestors[i];
  }
  at->item = &item;
}

Place SnapshotView::root() const {
  return top_.item != nullptr ? start_of_item("", top_) : way_to_items("", top_);
}

std::optional<Place> SnapshotView::find(const Place& directory, std::string_view name,
                                        repository::ChunkSource& chunks) const {
  if (!is_directory(directory.node)) return std::nullopt;
  std::optional<Node> within;
  if (directory.node.tree)
    within = repository::find_in_tree(*directory.node.tree, name, chunks, Lists::detached);
  if (directory.overlay != nullptr) {
    const auto child = directory.overlay->children.find(name);
    if (child != directory.overlay->children.end())
      return combine(child->first, child->second, within ? &*within : nullptr, directory.item);
  }
  if (!within) return std::nullopt;
  Place place;
  place.node = std::move(*within);
  place.item = directory.item;
  return place;
}

void SnapshotView::list(const Place& directory, repository::ChunkSource& chunks,
                        const std::function<bool(Place&&)>& visit,
                        const repository::KnowsBase& knows) const {
  static const Overlay nothing_below;
  const auto& overlay = directory.overlay != nullptr ? *directory.overlay : nothing_below;
  auto next = overlay.children.begin();
  bool going_on = true;
  const auto visit_items_before = [&](const std::string* name) {
    for (; going_on && next != overlay.children.end() && (!name || next->first < *name); ++next)
      going_on = visit(combine(next->first, next->second, nullptr, directory.item));
  };
  if (directory.node.tree) {
    repository::read_tree(
        *directory.node.tree, chunks,
        [&](Node&& node) {
          visit_items_before(&node.entry.name);
          if (!going_on) return false;
          if (next != overlay.children.end() && next->first == node.entry.name) {
            going_on = visit(combine(next->first, next->second, &node, directory.item));
            ++next;
          } else {
            Place place;
            place.node = std::move(node);
            place.item = directory.item;
            going_on = visit(std::move(place));
          }
          return going_on;
        },
        Lists::detached,
        [&](repository::TreeBase&& base) {
          return directory.overlay == nullptr && knows(std::move(base));
        });
  }
  visit_items_before(nullptr);
}

void visit_below(const SnapshotView& view, const Place& directory, repository::ChunkSource& chunks,
                 Visitor& visitor) {
  Walk(view, chunks, visitor).below(directory, 0);
}

}  // namespace holdfast::browse
