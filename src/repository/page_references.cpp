#include "page_references.hpp"

#include "base/error.hpp"
#include "list_pages.hpp"
#include "page.hpp"
#include "repository/paged_map.hpp"
#include "tree_page.hpp"

namespace holdfast::repository {

namespace {

PageReferences of_tree_page(base::ByteView bytes) {
  const auto page = decode_tree_page(bytes);
  using Shape = PageReferences::Shape;
  PageReferences found;
  found.shape = page.base ? Shape::overlay : page.level > 0 ? Shape::index : Shape::leaf;
  for (const auto& child : page.children) {
    found.pages.push_back(child.page);
    found.below.push_back(child.count);
  }
  found.base = page.base;
  found.superseded = page.superseded;
  for (const auto& node : page.nodes) {
    const auto pages = found.pages.size();
    const auto contents = found.contents.size();
    add_references(node, found);
    if (found.shape != Shape::leaf) continue;
    found.nodes.push_back({static_cast<std::uint32_t>(found.pages.size() - pages),
                           static_cast<std::uint32_t>(found.contents.size() - contents)});
  }
  return found;
}

PageReferences of_list_page(base::ByteView bytes) {
  auto page = decode_list_page(bytes);
  PageReferences found;
  for (const auto& child : page.children)
    found.pages.push_back(child.page);
  found.contents = std::move(page.chunks);
  return found;
}

}  // namespace

void add_references(const Node& node, PageReferences& to) {
  if (node.tree) to.pages.push_back(*node.tree);
  if (node.chunk_list) to.pages.push_back(node.chunk_list->page);
  if (node.hole_list) to.pages.push_back(node.hole_list->page);
  if (node.paged) to.pages.push_back(node.paged->map_root);
  to.contents.insert(to.contents.end(), node.chunks.begin(), node.chunks.end());
}

PageReferences references_of_page(base::ByteView page) {
  const auto letter = page.empty() ? '\0' : static_cast<char>(page.front());
  switch (static_cast<PageKind>(letter)) {
    case PageKind::tree:
      return of_tree_page(page);
    case PageKind::list:
      return of_list_page(page);
    case PageKind::map:
      return {.pages = {}, .contents = superblocks_of_map_page(page)};
    case PageKind::map_index:
      return {.pages = children_of_map_index_page(page), .contents = {}};
  }
  throw base::Error(base::ErrorKind::corrupt, "a chunk is no page of metadata");
}

}  // namespace holdfast::repository
