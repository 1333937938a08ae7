#include "tree_overlay.hpp"

#include "base/error.hpp"
#include "page.hpp"
#include "wire.hpp"

#include <algorithm>

namespace holdfast::repository {

namespace {

/// So many differences are at most kept in an overlay; each later change stores them again.
constexpr std::size_t differences_max = 64;

struct Differences {
  std::vector<EncodedNode> nodes;
  std::vector<std::string_view> removed;
  std::vector<std::uint32_t> superseded;  // places in the base
  std::size_t count() const { return nodes.size() + removed.size(); }
};

Differences differences_of(std::span<const EncodedNode> base, std::span<const EncodedNode> nodes) {
  Differences differences;
  auto old = base.begin();
  const auto supersede = [&] {
    differences.superseded.push_back(static_cast<std::uint32_t>(old - base.begin()));
  };
  const auto remove = [&] {
    differences.removed.push_back(old->name);
    supersede();
  };
  for (const auto& node : nodes) {
    for (; old != base.end() && old->name < node.name; ++old)
      remove();
    const bool known = old != base.end() && old->name == node.name;
    if (!known || !std::ranges::equal(old->bytes, node.bytes)) {
      differences.nodes.push_back(node);
      if (known) supersede();
    }
    if (known) ++old;
  }
  for (; old != base.end(); ++old)
    remove();
  return differences;
}

base::Bytes encode_overlay(const base::ChunkId& base, const Differences& differences) {
  auto bytes = begin_page(PageKind::tree);
  WireWriter writer(bytes);
  for (const auto& node : differences.nodes)
    writer.item(2, node.bytes);
  writer.bytes(4, base.view());
  for (const auto name : differences.removed)
    writer.item(5, base::as_bytes(name));
  base::Bytes places;
  append_places(places, differences.superseded);
  writer.bytes(6, places);
  return bytes;
}

}  // namespace

std::string_view name_of_encoded(base::ByteView node) {
  WireReader reader(node, "a tree node");
  if (!reader.next() || reader.field() != 1) reader.corrupt("it has no name");
  return base::as_text(reader.bytes());
}

ChangedTree write_changed_tree(std::span<const EncodedNode> nodes, const WholeTree& before,
                               ChunkSink& sink) {
  const auto whole = [&] {
    const auto id = write_encoded_tree(nodes, sink);
    return ChangedTree{id, id};
  };
  if (before.nodes.size() > compared_nodes_max) return whole();
  const auto differences = differences_of(before.nodes, nodes);
  if (differences.count() == 0) return {before.id, before.id};
  const auto allowed = std::min(differences_max, before.nodes.size() / 3);
  if (differences.count() > allowed) return whole();
  const auto page = encode_overlay(before.id, differences);
  if (page.size() > tree_page_size_max / 2) return whole();
  return {sink.store(page), before.id};
}

void merge_overlay(TreePage&& overlay, const std::function<void(const NodeVisit&)>& walk_base,
                   const NodeVisit& visit) {
  auto next = overlay.nodes.begin();
  const auto end = overlay.nodes.end();
  auto superseded = overlay.superseded.begin();
  std::uint32_t place = 0;
  bool stopped = false;
  // The collection of garbage goes by places: what a reader still sees must not be named there.
  const auto expect_superseded = [&](bool expected) {
    const bool named = superseded != overlay.superseded.end() && *superseded == place++;
    if (named) ++superseded;
    if (named != expected) {
      throw base::Error(base::ErrorKind::corrupt,
                        "a tree page is damaged: it supersedes other entries than it replaces");
    }
  };
  const auto visit_before = [&](std::string_view name) {
    while (!stopped && next != end && next->entry.name < name)
      stopped = !visit(std::move(*next++));
    return !stopped;
  };
  walk_base([&](Node&& node) {
    if (!visit_before(node.entry.name)) return false;
    const bool replaced = next != end && next->entry.name == node.entry.name;
    const bool removed = std::ranges::binary_search(overlay.removed, node.entry.name);
    expect_superseded(replaced || removed);
    if (replaced) {
      stopped = !visit(std::move(*next++));
    } else if (!removed) {
      stopped = !visit(std::move(node));
    }
    return !stopped;
  });
  while (!stopped && next != end)
    stopped = !visit(std::move(*next++));
}

OverlayAnswer ask_overlay(const TreePage& overlay, std::string_view name) {
  const auto found = std::ranges::lower_bound(
      overlay.nodes, name, {},
      [](const Node& node) -> const std::string& { return node.entry.name; });
  if (found != overlay.nodes.end() && found->entry.name == name) return {true, &*found};
  return {std::ranges::binary_search(overlay.removed, name), nullptr};
}

}  // namespace holdfast::repository
