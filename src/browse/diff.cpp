#include "browse/diff.hpp"

#include "browse/listing.hpp"

#include <utility>
#include <vector>

namespace holdfast::browse {

namespace {

using sources::Entry;
using sources::EntryKind;
using Directory = std::optional<Place>;

/// Two directories of one path of which at least one exists.
struct Pair {
  std::string path;
  Directory before;
  Directory after;
};

bool same_tree(const Place& a, const Place& b) {
  return a.overlay == nullptr && b.overlay == nullptr && a.node.tree && a.node.tree == b.node.tree;
}

bool same_content(const repository::Node& a, const repository::Node& b) {
  if (a.entry.link_target != b.entry.link_target || a.entry.device != b.entry.device) return false;
  if (a.entry.kind != EntryKind::file) return true;
  if (a.paged && b.paged) {
    return a.paged->file_hash == b.paged->file_hash && a.paged->size == b.paged->size;
  }
  return !a.paged && !b.paged && a.entry.size == b.entry.size && a.chunks == b.chunks &&
         a.entry.holes == b.entry.holes && a.chunk_list == b.chunk_list &&
         a.hole_list == b.hole_list;
}

bool same_metadata(const Entry& a, const Entry& b) {
  const bool same_time =
      a.kind == EntryKind::directory ||
      (a.mtime_seconds == b.mtime_seconds && a.mtime_nanoseconds == b.mtime_nanoseconds);
  return same_time && a.mode == b.mode && a.user_id == b.user_id && a.group_id == b.group_id &&
         a.user_name == b.user_name && a.group_name == b.group_name &&
         a.attributes == b.attributes && (a.hard_link != 0) == (b.hard_link != 0);
}

/// Whether the trees of both say everything: then pages that they share need not be opened.
bool stand_alone(const Directory& before, const Directory& after) {
  return before && after && before->overlay == nullptr && after->overlay == nullptr &&
         before->node.tree && after->node.tree;
}

Place place_in(const Place& directory, const repository::Node& node) {
  Place place;
  place.node = node;
  place.item = directory.item;
  return place;
}

bool is_directory(const Place* place) {
  return place != nullptr && place->node.entry.kind == EntryKind::directory;
}

std::vector<Place> entries_of(const SnapshotView& view, const Directory& directory,
                              repository::ChunkSource& chunks) {
  std::vector<Place> entries;
  if (directory) {
    view.list(*directory, chunks, [&](Place&& place) {
      entries.push_back(std::move(place));
      return true;
    });
  }
  return entries;
}

/// Walks both sides together with a stack of its own: paths may be very deep.
class Walk {
public:
  Walk(const SnapshotView& before, const SnapshotView& after, repository::ChunkSource& chunks,
       const std::function<void(const Change&)>& changed)
      : before_(before), after_(after), chunks_(chunks), changed_(changed) {}

  void run(Pair top) {
    stack_.push_back(std::move(top));
    while (!stack_.empty()) {
      const auto pair = std::move(stack_.back());
      stack_.pop_back();
      merge(pair);
    }
  }

private:
  void merge(const Pair& pair) {
    std::vector<Pair> below;
    if (stand_alone(pair.before, pair.after))
      merge_trees(pair, below);
    else
      merge_lists(pair, below);
    while (!below.empty()) {
      stack_.push_back(std::move(below.back()));
      below.pop_back();
    }
  }

  void merge_trees(const Pair& pair, std::vector<Pair>& below) {
    using repository::Node;
    repository::diff_trees(*pair.before->node.tree, *pair.after->node.tree, chunks_,
                           [&](const Node* old_node, const Node* new_node) {
                             Directory before;
                             Directory after;
                             if (old_node != nullptr) before = place_in(*pair.before, *old_node);
                             if (new_node != nullptr) after = place_in(*pair.after, *new_node);
                             meet(pair.path, before ? &*before : nullptr, after ? &*after : nullptr,
                                  below);
                           });
  }

  void merge_lists(const Pair& pair, std::vector<Pair>& below) {
    auto before = entries_of(before_, pair.before, chunks_);
    auto after = entries_of(after_, pair.after, chunks_);
    for (std::size_t i = 0, j = 0; i < before.size() || j < after.size();) {
      const bool take_before =
          j == after.size() ||
          (i < before.size() && before[i].node.entry.name <= after[j].node.entry.name);
      const bool take_after =
          i == before.size() ||
          (j < after.size() && after[j].node.entry.name <= before[i].node.entry.name);
      meet(pair.path, take_before ? &before[i] : nullptr, take_after ? &after[j] : nullptr, below);
      i += take_before ? 1 : 0;
      j += take_after ? 1 : 0;
    }
  }

  void meet(const std::string& directory, Place* before, Place* after, std::vector<Pair>& below) {
    auto path = join(directory, (before != nullptr ? before : after)->node.entry.name);
    auto kind = before == nullptr  ? std::optional(ChangeKind::added)
                : after == nullptr ? std::optional(ChangeKind::removed)
                                   : compare(*before, *after);
    if (kind) {
      changed_({*kind, path, before != nullptr ? &before->node : nullptr,
                after != nullptr ? &after->node : nullptr});
    }
    const bool both = is_directory(before) && is_directory(after);
    if (both && same_tree(*before, *after)) return;
    if (!is_directory(before) && !is_directory(after)) return;
    below.push_back({std::move(path),
                     is_directory(before) ? Directory(std::move(*before)) : Directory(),
                     is_directory(after) ? Directory(std::move(*after)) : Directory()});
  }

  const SnapshotView& before_;
  const SnapshotView& after_;
  repository::ChunkSource& chunks_;
  const std::function<void(const Change&)>& changed_;
  std::vector<Pair> stack_;
};

}  // namespace

std::optional<ChangeKind> compare(const Place& before, const Place& after) {
  if (before.node.entry.kind != after.node.entry.kind) return ChangeKind::type;
  if (!same_content(before.node, after.node)) return ChangeKind::content;
  const bool known = before.recorded && after.recorded;
  if (known && !same_metadata(before.node.entry, after.node.entry)) return ChangeKind::metadata;
  return {};
}

std::string_view name_of(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::added:
      return "added";
    case ChangeKind::removed:
      return "removed";
    case ChangeKind::content:
      return "content";
    case ChangeKind::metadata:
      return "metadata";
    case ChangeKind::type:
      return "type";
  }
  return "unknown";
}

void diff(const Side& before, const Side& after, const std::string& path,
          repository::ChunkSource& chunks, const std::function<void(const Change&)>& changed) {
  const bool directories = is_directory(&before.place) && is_directory(&after.place);
  const auto kind = compare(before.place, after.place);
  if (kind && (path != "/" || !directories)) {
    changed({*kind, path, &before.place.node, &after.place.node});
  }
  if (!directories || same_tree(before.place, after.place)) return;
  Walk(before.view, after.view, chunks, changed).run({path, before.place, after.place});
}

}  // namespace holdfast::browse
