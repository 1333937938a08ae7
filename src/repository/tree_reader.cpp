#include "base/error.hpp"
#include "list_pages.hpp"
#include "node_codec.hpp"
#include "repository/tree.hpp"
#include "tree_overlay.hpp"
#include "tree_page.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::repository {

namespace {

using Visit = std::function<bool(Node&&)>;

[[noreturn]] void corrupt(std::string_view why) {
  throw base::Error(base::ErrorKind::corrupt, fmt::format("a directory is damaged: {}", why));
}

/// Reads the pages of one directory in order. Recursion is as deep as levels, which are bounded.
class PageWalk {
public:
  PageWalk(ChunkSource& source, Lists lists, const Visit& visit)
      : source_(source), lists_(lists), visit_(visit) {}

  bool walk(TreePage&& page) {
    for (auto& node : page.nodes) {
      check_order(node.entry.name);
      if (lists_ == Lists::attached) attach_lists(node, source_);
      if (!visit_(std::move(node))) return false;
    }
    for (const auto& child : page.children) {
      if (!walk(load_child(child, page.level - 1, source_))) return false;
    }
    return true;
  }

private:
  void check_order(const std::string& name) {
    if (last_ >= name) corrupt("its names are out of order");
    last_ = name;
  }

  ChunkSource& source_;
  const Lists lists_;
  const Visit& visit_;
  std::string last_;
};

void visit_pages(const TreePage& page, ChunkSource& source,
                 const std::function<void(const base::ChunkId&)>& visit) {
  for (const auto& node : page.nodes) {
    if (node.chunk_list) for_each_list_page(*node.chunk_list, source, visit);
    if (node.hole_list) for_each_list_page(*node.hole_list, source, visit);
  }
  for (const auto& child : page.children) {
    visit(child.page);
    visit_pages(load_child(child, page.level - 1, source), source, visit);
  }
}

/// Both rows ascend, and no name is in both.
std::vector<std::string> changed_names(const TreePage& overlay) {
  std::vector<std::string> names;
  names.reserve(overlay.nodes.size() + overlay.removed.size());
  for (const auto& node : overlay.nodes)
    names.push_back(node.entry.name);
  names.insert(names.end(), overlay.removed.begin(), overlay.removed.end());
  std::ranges::inplace_merge(names,
                             names.begin() + static_cast<std::ptrdiff_t>(overlay.nodes.size()));
  return names;
}

}  // namespace

void read_tree(const base::ChunkId& tree, ChunkSource& source, const Visit& visit, Lists lists) {
  read_tree(tree, source, visit, lists, [](TreeBase&&) { return false; });
}

void read_tree(const base::ChunkId& tree, ChunkSource& source, const Visit& visit, Lists lists,
               const KnowsBase& knows) {
  auto root = load_root(tree, source);
  if (!root.base || knows({*root.base, changed_names(root)})) {
    PageWalk(source, lists, visit).walk(std::move(root));
    return;
  }
  auto base = load_base(*root.base, source);
  const auto walk_base = [&](const Visit& on_base) {
    PageWalk(source, Lists::detached, on_base).walk(std::move(base));
  };
  merge_overlay(std::move(root), walk_base, [&](Node&& node) {
    if (lists == Lists::attached) attach_lists(node, source);
    return visit(std::move(node));
  });
}

std::optional<Node> find_in_tree(const base::ChunkId& tree, std::string_view name,
                                 ChunkSource& source, Lists lists) {
  auto page = load_root(tree, source);
  if (page.base) {
    const auto answer = ask_overlay(page, name);
    if (answer.known && !answer.node) return std::nullopt;
    if (!answer.known) page = load_base(*page.base, source);
  }
  while (page.level > 0) {
    const auto after = std::ranges::upper_bound(page.children, name, {}, &TreeChild::first);
    if (after == page.children.begin()) return std::nullopt;
    page = load_child(*std::prev(after), page.level - 1, source);
  }
  const auto found = std::ranges::lower_bound(
      page.nodes, name, {}, [](const Node& node) -> const std::string& { return node.entry.name; });
  if (found == page.nodes.end() || found->entry.name != name) return std::nullopt;
  if (lists == Lists::attached) attach_lists(*found, source);
  return std::move(*found);
}

void for_each_tree_page(const base::ChunkId& tree, ChunkSource& source,
                        const std::function<void(const base::ChunkId&)>& visit) {
  visit(tree);
  const auto root = load_root(tree, source);
  visit_pages(root, source, visit);
  if (!root.base) return;
  visit(*root.base);
  visit_pages(load_base(*root.base, source), source, visit);
}

Node decode_node_shallow(base::ByteView bytes) {
  auto node = parse_node(bytes);
  if (!node.entry.name.empty()) check_component(node.entry.name);
  return node;
}

Node decode_node(base::ByteView bytes, ChunkSource& source) {
  auto node = decode_node_shallow(bytes);
  attach_lists(node, source);
  return node;
}

void attach_lists(Node& node, ChunkSource& source) {
  if (!node.chunk_list && !node.hole_list) return;
  if (node.chunk_list) {
    node.chunks = read_chunk_list(*node.chunk_list, source);
    node.chunk_list.reset();
  }
  if (node.hole_list) {
    node.entry.holes = read_hole_list(*node.hole_list, source);
    node.hole_list.reset();
  }
  if (const auto problem = problem_of(node); !problem.empty()) corrupt(problem);
}

}  // namespace holdfast::repository
