// What a metadata page names: other pages, and chunks of content. Seen when a page is stored, so
// that the collection of garbage need not read pages.
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "repository/tree.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace holdfast::repository {

/// How many of what a page names one node of it names.
struct NodeCounts {
  std::uint32_t pages = 0;
  std::uint32_t contents = 0;
  bool operator==(const NodeCounts&) const = default;
};

struct PageReferences {
  enum class Shape : std::uint8_t {
    plain = 0,    // everything that it names is needed with it
    leaf = 1,     // nodes of a directory: an overlay may need some of them and not the others
    index = 2,    // the pages of a directory
    overlay = 3,  // needs its base without the superseded nodes
  };
  Shape shape = Shape::plain;
  std::vector<base::ChunkId> pages{};
  std::vector<base::ChunkId> contents{};
  std::vector<NodeCounts> nodes{};          // leaf: in order
  std::vector<std::uint64_t> below{};       // index: nodes below each page
  std::optional<base::ChunkId> base{};      // overlay
  std::vector<std::uint32_t> superseded{};  // overlay: see TreePage
};

/// What a page of any kind names. Errors: corrupt when it is no page; unsupported.
PageReferences references_of_page(base::ByteView page);
/// Adds what a node names, the directory below it included.
void add_references(const Node& node, PageReferences& to);

}  // namespace holdfast::repository
