// A directory as its differences from an earlier one.
//
// Problem: one changed file among ten costs the ids of all ten again, on every level of the way up.
//          Ids do not compress: 1 % of files changed at random in a source tree made tree pages
//          worth a third of the files' own bytes.
// Idea:    an overlay names an earlier, whole root page and holds what differs. One step only: the
//          base of an overlay is never an overlay, so reading costs one page more and a chain
//          cannot grow. The overlay is cumulative; once it is no longer small the directory is
//          written whole again, and becomes the base of what follows.
// Why not always: a whole tree depends on the directory alone, so equal directories share their
//                 pages.
// Cost:    docs/decisions/0005-tree-pages.md.
#pragma once

#include "repository/tree.hpp"
#include "tree_page.hpp"

#include <functional>

namespace holdfast::repository {

/// Visits the nodes of base and overlay together in name order. `walk_base` calls back for every
/// node of the base and stops when told so.
using NodeVisit = std::function<bool(Node&&)>;
void merge_overlay(TreePage&& overlay, const std::function<void(const NodeVisit&)>& walk_base,
                   const NodeVisit& visit);

/// What the overlay itself says about `name`: a node, that it is gone, or nothing.
struct OverlayAnswer {
  bool known = false;
  const Node* node = nullptr;  // of the overlay; null when gone
};
OverlayAnswer ask_overlay(const TreePage& overlay, std::string_view name);

}  // namespace holdfast::repository
