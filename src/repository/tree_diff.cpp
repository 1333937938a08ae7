// Two directories side by side. Both sides are sequences of unopened pages and nodes; equal pages
// are skipped unopened, the rest is opened only as far as it takes to compare names.

#include "repository/tree.hpp"
#include "tree_overlay.hpp"
#include "tree_page.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace holdfast::repository {

namespace {

/// The rest of one directory: what stands next is either a page that is not opened or a node.
class Cursor {
public:
  Cursor(TreePage&& root, ChunkSource& source) : source_(source) { push(std::move(root)); }

  bool at_end() const { return pages_.empty(); }
  bool at_page() const { return pages_.back().page.level > 0; }
  /// Of the page that stands next.
  std::uint64_t page_level() const { return pages_.back().page.level - 1; }
  const TreeChild& child() const { return pages_.back().page.children[pages_.back().at]; }
  const Node& node() const { return pages_.back().page.nodes[pages_.back().at]; }
  const std::string& name() const { return at_page() ? child().first : node().entry.name; }

  void skip() {
    ++pages_.back().at;
    while (!pages_.empty() && pages_.back().at == pages_.back().size())
      pages_.pop_back();
  }
  void open() {
    auto page = load_child(child(), page_level(), source_);
    ++pages_.back().at;
    if (pages_.back().at == pages_.back().size()) pages_.pop_back();
    push(std::move(page));
  }

private:
  struct OpenPage {
    TreePage page;
    std::size_t at = 0;
    std::size_t size() const { return page.nodes.size() + page.children.size(); }
  };

  void push(TreePage&& page) {
    if (page.nodes.size() + page.children.size() > 0) pages_.push_back({std::move(page), 0});
  }

  ChunkSource& source_;
  std::vector<OpenPage> pages_;
};

using Changed = std::function<void(const Node* before, const Node* after)>;

/// Both stand at something: opens a page or reports a node or skips what is equal.
void step(Cursor& before, Cursor& after, const Changed& changed) {
  if (before.at_page() && after.at_page()) {
    if (before.child().page == after.child().page) {
      before.skip();
      after.skip();
    } else if (before.page_level() != after.page_level()) {
      (before.page_level() > after.page_level() ? before : after).open();
    } else {
      (before.name() <= after.name() ? before : after).open();
    }
    return;
  }
  const auto order = before.name() <=> after.name();
  // A page whose first name is greater has nothing to do with a node that stands before it.
  if (order < 0) {
    if (before.at_page()) return before.open();
    changed(&before.node(), nullptr);
    before.skip();
  } else if (order > 0) {
    if (after.at_page()) return after.open();
    changed(nullptr, &after.node());
    after.skip();
  } else if (before.at_page() || after.at_page()) {
    (before.at_page() ? before : after).open();
  } else {
    if (before.node() != after.node()) changed(&before.node(), &after.node());
    before.skip();
    after.skip();
  }
}

void diff_whole(TreePage&& before_root, TreePage&& after_root, ChunkSource& source,
                const Changed& changed) {
  Cursor before(std::move(before_root), source);
  Cursor after(std::move(after_root), source);
  while (!before.at_end() && !after.at_end())
    step(before, after, changed);
  for (; !before.at_end(); before.at_page() ? before.open() : before.skip()) {
    if (!before.at_page()) changed(&before.node(), nullptr);
  }
  for (; !after.at_end(); after.at_page() ? after.open() : after.skip()) {
    if (!after.at_page()) changed(nullptr, &after.node());
  }
}

void report(const Node* before, const Node* after, const Changed& changed) {
  if (!before && !after) return;
  if (before && after && *before == *after) return;
  changed(before, after);
}

/// A directory that is `base` or stands on it: what its overlay says, or else what the base says.
std::optional<Node> look_up(const TreePage& root, const base::ChunkId& base, std::string_view name,
                            ChunkSource& source) {
  if (root.base) {
    const auto answer = ask_overlay(root, name);
    if (answer.node) return *answer.node;
    if (answer.known) return std::nullopt;
  }
  return find_in_tree(base, name, source, Lists::detached);
}

/// Both go back to the same whole tree: only what their overlays name can differ.
void diff_on_one_base(const TreePage& before, const TreePage& after, const base::ChunkId& base,
                      ChunkSource& source, const Changed& changed) {
  std::set<std::string> names;
  for (const auto* page : {&before, &after}) {
    if (!page->base) continue;
    for (const auto& node : page->nodes)
      names.insert(node.entry.name);
    names.insert(page->removed.begin(), page->removed.end());
  }
  for (const auto& name : names) {
    const auto old_node = look_up(before, base, name, source);
    const auto new_node = look_up(after, base, name, source);
    report(old_node ? &*old_node : nullptr, new_node ? &*new_node : nullptr, changed);
  }
}

/// Different bases: read both to the end. Overlays stand on small directories only.
void diff_by_reading(const base::ChunkId& before_tree, const base::ChunkId& after_tree,
                     ChunkSource& source, const Changed& changed) {
  std::map<std::string, Node> before;
  const auto remember = [&](Node&& node) {
    auto name = node.entry.name;
    before.emplace(std::move(name), std::move(node));
    return true;
  };
  read_tree(before_tree, source, remember, Lists::detached);
  auto old = before.begin();
  const auto compare = [&](Node&& node) {
    for (; old != before.end() && old->first < node.entry.name; ++old) {
      changed(&old->second, nullptr);
    }
    const bool known = old != before.end() && old->first == node.entry.name;
    report(known ? &old->second : nullptr, &node, changed);
    if (known) ++old;
    return true;
  };
  read_tree(after_tree, source, compare, Lists::detached);
  for (; old != before.end(); ++old)
    changed(&old->second, nullptr);
}

}  // namespace

void diff_trees(const base::ChunkId& before_tree, const base::ChunkId& after_tree,
                ChunkSource& source, const Changed& changed) {
  if (before_tree == after_tree) return;
  auto before = load_root(before_tree, source);
  auto after = load_root(after_tree, source);
  if (!before.base && !after.base) {
    return diff_whole(std::move(before), std::move(after), source, changed);
  }
  const auto before_base = before.base.value_or(before_tree);
  if (before_base == after.base.value_or(after_tree)) {
    return diff_on_one_base(before, after, before_base, source, changed);
  }
  diff_by_reading(before_tree, after_tree, source, changed);
}

}  // namespace holdfast::repository
