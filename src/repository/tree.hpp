#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "repository/chunk_io.hpp"
#include "sources/entry.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace holdfast::repository {

/// The content of a paged file; see paged_map.hpp.
struct PagedContent {
  base::ChunkId map_root;
  std::uint32_t page_size = 0;   // of the database
  std::uint32_t block_size = 0;  // of the map, a multiple of page_size
  std::uint64_t size = 0;        // bytes
  base::Hash file_hash;          // plain BLAKE3 of the whole file
  bool operator==(const PagedContent&) const = default;
};

/// A long list that is kept in pages of its own and not in the node.
struct ListReference {
  base::ChunkId page;  // root
  std::uint64_t count = 0;
  bool operator==(const ListReference&) const = default;
};

/// One entry of a directory with its content. A file's bytes without its holes are its chunks,
/// joined.
///
/// Shape: long lists may be *detached*: then `chunk_list` or `hole_list` says where they are and
///        `chunks` or `entry.holes` is empty. attach_lists reads them; writing a detached node
///        writes the reference as it is.
struct Node {
  sources::Entry entry;
  std::vector<base::ChunkId> chunks;        // files
  std::optional<base::ChunkId> tree;        // directories
  std::optional<PagedContent> paged;        // files taken page by page; then there are no chunks
  std::optional<ListReference> chunk_list;  // detached
  std::optional<ListReference> hole_list;   // detached
  bool operator==(const Node&) const = default;
};

/// Limits that every reader checks.
inline constexpr std::size_t tree_page_size_max = 16 * 1024 * 1024;
inline constexpr std::size_t tree_depth_max = 200'000;
inline constexpr std::size_t name_size_max = 4096;
/// Lists with more items than this are detached when a node is written.
inline constexpr std::size_t inline_items_max = 64;

/// A directory's entries as pages: one page, or leaf pages under index pages, cut where the hash of
/// a name says so, so that a change rewrites one leaf and the way up. Encoded by proto/tree.proto;
/// long chunk and hole lists go to pages of their own.
///
/// Shape:  `nodes` in byte order of names, no name twice, none empty, ".", ".." or with '/' or NUL.
/// Errors: invalid_input when that does not hold.
base::ChunkId write_tree(std::span<const Node> nodes, ChunkSink& sink);

/// A node as encode_node made it, for callers that keep unchanged nodes as bytes.
struct EncodedNode {
  std::string_view name;
  base::ByteView bytes;
};
/// As write_tree: the same nodes give the same pages and the same id.
base::ChunkId write_encoded_tree(std::span<const EncodedNode> nodes, ChunkSink& sink);

/// The name in a node as encode_node made it. Errors: corrupt.
std::string_view name_of_encoded(base::ByteView node);

/// A directory that was written whole, as its writer remembers it.
struct WholeTree {
  base::ChunkId id;  // of the root page
  std::span<const EncodedNode> nodes;
};
struct ChangedTree {
  base::ChunkId id;
  base::ChunkId whole;  // the whole tree that it is, or stands on
};
/// A directory with more entries than this is not compared with its past: its own pages are small
/// against it.
inline constexpr std::size_t compared_nodes_max = 4096;
/// As write_encoded_tree, for a directory that was much like `before`: where little differs, only
/// the differences are stored, on top of that tree, which must be in the repository. Every reader
/// below sees a directory like any other. Nothing is read: who can only write can do it.
ChangedTree write_changed_tree(std::span<const EncodedNode> nodes, const WholeTree& before,
                               ChunkSink& sink);

/// Whether long lists are read with the nodes that have them, or left detached.
enum class Lists : std::uint8_t { attached, detached };

/// Calls `visit` for every node in name order; stops early when it returns false.
/// Errors: corrupt when a page does not decode or names are out of order or not allowed.
void read_tree(const base::ChunkId& tree, ChunkSource& source,
               const std::function<bool(Node&&)>& visit, Lists lists = Lists::attached);
/// What a directory says that is told by its differences from another one.
struct TreeBase {
  base::ChunkId tree;                // the other one
  std::vector<std::string> changed;  // names that were added, replaced or removed, ascending
};
using KnowsBase = std::function<bool(TreeBase&&)>;
/// As read_tree. Of such a directory `knows` is told first: when it returns true, only nodes with a
/// changed name are visited, and the other directory is not read.
void read_tree(const base::ChunkId& tree, ChunkSource& source,
               const std::function<bool(Node&&)>& visit, Lists lists, const KnowsBase& knows);
/// The node called `name`, read through index pages only.
std::optional<Node> find_in_tree(const base::ChunkId& tree, std::string_view name,
                                 ChunkSource& source, Lists lists = Lists::attached);
/// The ids of the pages themselves (this directory only, not below) and of list pages, for check
/// and collection. Each is given before it is loaded.
void for_each_tree_page(const base::ChunkId& tree, ChunkSource& source,
                        const std::function<void(const base::ChunkId&)>& visit);
/// Calls `changed` for each name that differs between two directories, skipping shared pages; a
/// missing side is null. Nodes come with detached lists.
void diff_trees(const base::ChunkId& before, const base::ChunkId& after, ChunkSource& source,
                const std::function<void(const Node* before, const Node* after)>& changed);

/// One node alone (roots in snapshot records, the local file cache). `sink` takes long lists.
base::Bytes encode_node(const Node& node, ChunkSink& sink);
Node decode_node(base::ByteView bytes, ChunkSource& source);
/// As decode_node, but leaves long lists detached. For listing, and for nodes that are written
/// again.
Node decode_node_shallow(base::ByteView bytes);

/// Moves lists of more than inline_items_max items to pages of their own. Call it for the roots of
/// snapshot items, which may be single files of any size.
void detach_lists(Node& node, ChunkSink& sink);
/// Reads what is detached. Errors: corrupt, not_found.
void attach_lists(Node& node, ChunkSource& source);

/// Errors: corrupt when `name` cannot be one path component.
void check_component(std::string_view name);

}  // namespace holdfast::repository
