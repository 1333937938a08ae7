// One page of a directory as it lies in a chunk.
#pragma once

#include "base/ids.hpp"
#include "repository/tree.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::repository {

struct TreeChild {
  std::string first;  // the first name below
  base::ChunkId page;
  std::uint64_t count = 0;  // nodes below
  bool operator==(const TreeChild&) const = default;
};

/// Nodes at level 0, children above. Only the root page of an empty directory has neither. With a
/// base it is an overlay, see tree_overlay.hpp.
struct TreePage {
  std::uint64_t level = 0;
  std::vector<Node> nodes;
  std::vector<TreeChild> children;
  std::optional<base::ChunkId> base{};
  std::vector<std::string> removed{};
  /// Of an overlay: the places in the base, counted from 0 over all its pages, of the nodes that
  /// are removed or replaced. Ascending.
  std::vector<std::uint32_t> superseded{};

  std::uint64_t count() const;
  /// Of a page that is not empty.
  const std::string& first() const {
    return level == 0 ? nodes.front().entry.name : children.front().first;
  }
  bool operator==(const TreePage&) const = default;
};

/// More than a writer puts in one page, and a bound for what a hostile page allocates.
inline constexpr std::size_t page_items_max = 1024;
/// Appends the varints of ascending places: each less the one before it, less one.
void append_places(base::Bytes& to, const std::vector<std::uint32_t>& places);
/// Pages hold at least eight items, so this is more than any directory needs.
inline constexpr std::uint64_t tree_level_max = 24;

base::Bytes encode_tree_page(const TreePage& page);
/// Errors: corrupt when names are not allowed or out of order, or counts out of bounds;
/// unsupported.
TreePage decode_tree_page(base::ByteView bytes);
/// Loads a root page, which may be an overlay.
TreePage load_root(const base::ChunkId& tree, ChunkSource& source);
/// Loads the root page that an overlay stands on. Errors: corrupt when it is an overlay itself.
TreePage load_base(const base::ChunkId& base, ChunkSource& source);
/// Loads the page of `child` (of a page at `level` + 1). Errors: corrupt when it is not what
/// `child` says.
TreePage load_child(const TreeChild& child, std::uint64_t level, ChunkSource& source);

}  // namespace holdfast::repository
