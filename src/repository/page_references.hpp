// What a metadata page names: other pages, and chunks of content. Seen when a page is stored, so
// that the collection of garbage need not read pages.
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "repository/tree.hpp"

#include <vector>

namespace holdfast::repository {

struct PageReferences {
  std::vector<base::ChunkId> pages;
  std::vector<base::ChunkId> contents;
};

/// What a page of any kind names. Errors: corrupt when it is no page; unsupported.
PageReferences references_of_page(base::ByteView page);
/// Adds what a node names, the directory below it included.
void add_references(const Node& node, PageReferences& to);

}  // namespace holdfast::repository
