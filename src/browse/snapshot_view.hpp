#pragma once

#include "repository/chunk_io.hpp"
#include "repository/snapshot.hpp"
#include "repository/tree.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::base {
class Error;
}

namespace holdfast::browse {

/// Where items begin, as a tree of path components.
struct Overlay {
  std::map<std::string, Overlay, std::less<>> children;
  const repository::SnapshotItem* item = nullptr;  // an item begins here
  const sources::Entry* ancestor = nullptr;        // how this directory was, if an item told
};

/// One entry of the view.
struct Place {
  /// A directory that only the paths of items make is 0755 and belongs to nobody in particular.
  /// Long lists are detached (repository::attach_lists reads them).
  repository::Node node;
  const repository::SnapshotItem* item = nullptr;  // the item it lies in; null above all items
  const Overlay* overlay = nullptr;                // other items that begin below it, mostly null
  bool recorded = true;                            // whether `node` was in the snapshot
};

/// The one tree of files that the items of a snapshot make together. Where an item begins inside
/// another one (a database in a directory of files), the inner item is what stands there.
///
/// Borrows the items, which must outlive it.
/// Errors: corrupt when the path of an item cannot be one.
class SnapshotView {
public:
  explicit SnapshotView(const repository::Snapshot& snapshot);
  explicit SnapshotView(std::span<const repository::SnapshotItem* const> items);

  /// "/".
  Place root() const;
  /// What `directory` has under `name`.
  std::optional<Place> find(const Place& directory, std::string_view name,
                            repository::ChunkSource& chunks) const;
  /// Everything in `directory`, in byte order of names. `visit` says whether to go on. `knows` as
  /// in repository::read_tree; not asked where other items begin.
  void list(
      const Place& directory, repository::ChunkSource& chunks,
      const std::function<bool(Place&&)>& visit,
      const repository::KnowsBase& knows = [](repository::TreeBase&&) { return false; }) const;

private:
  void add(const repository::SnapshotItem& item);

  Overlay top_;
};

/// What a walk meets. A directory is seen before its entries; left() follows after them, once for
/// every directory that was gone into.
enum class Descend { yes, no };
class Visitor {
public:
  virtual ~Visitor() = default;
  /// May move anything out of `place` but `node.tree`, `overlay` and `item`.
  virtual Descend see(Place& place) = 0;
  virtual void left() {}
  /// Of the directory that was gone into last, when it is told by its differences from another
  /// tree: true when the visitor knows that tree and wants to see only entries with a changed name.
  virtual bool knows_base(repository::TreeBase&&) { return false; }
  /// The rest of the directory that the walk is in cannot be read. Called in a handler: the default
  /// throws on, returning goes on with what is left.
  virtual void damaged(const base::Error& error);
};

/// Visits all below `directory`, depth first in byte order of names. Memory is bounded by the
/// widest directories deeper than 64 levels; the stack does not grow with the depth.
void visit_below(const SnapshotView& view, const Place& directory, repository::ChunkSource& chunks,
                 Visitor& visitor);

/// The components of an absolute path; "//" and a trailing '/' count for nothing.
/// Errors: invalid_input for relative and empty paths, ".", "..", NUL.
std::vector<std::string> split_path(std::string_view path);

}  // namespace holdfast::browse
