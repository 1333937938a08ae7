#include "tree_overlay.hpp"

#include "base/error.hpp"
#include "page.hpp"
#include "wire.hpp"

#include <algorithm>
#include <map>

namespace holdfast::repository {

namespace {

/// A directory with more entries than this is not compared with its past: its own pages are small
/// against it.
constexpr std::size_t compared_nodes_max = 4096;
/// So many differences are at most kept in an overlay; each later change stores them again.
constexpr std::size_t differences_max = 64;

using Messages = std::map<std::string, base::Bytes, std::less<>>;

std::string name_in(base::ByteView message) {
  WireReader reader(message, "a tree node");
  if (!reader.next() || reader.field() != 1) reader.corrupt("it has no name");
  return reader.text();
}

/// The nodes of a whole tree as they were encoded: canonical, so equal bytes are equal nodes. False
/// when it has more than are compared.
bool collect_messages(base::ByteView page, std::uint64_t level, ChunkSource& source,
                      Messages& messages) {
  constexpr std::uint64_t repeated = 1 << 2 | 1 << 3 | 1 << 5;
  WireReader reader(page_message(PageKind::tree, page), "a tree page", repeated);
  while (reader.next()) {
    if (reader.field() != 2) continue;
    if (messages.size() == compared_nodes_max) return false;
    messages.insert_or_assign(name_in(reader.bytes()), base::copy_of(reader.bytes()));
  }
  if (level == 0) return true;
  for (const auto& child : decode_tree_page(page).children) {
    if (!collect_messages(source.load(child.page), level - 1, source, messages)) return false;
  }
  return true;
}

struct Base {
  base::ChunkId id;
  Messages messages;
};

/// The whole tree that `previous` is or stands on; nothing when it is too large, or cannot be read
/// by this role, or is damaged: then the directory is written whole, which heals it.
std::optional<Base> load_base_messages(const base::ChunkId& previous, ChunkSource& source) {
  try {
    const auto root = load_root(previous, source);
    Base base{root.base.value_or(previous), {}};
    const auto page = source.load(base.id);
    const auto decoded = root.base ? load_base(base.id, source) : root;
    if (decoded.count() > compared_nodes_max) return std::nullopt;
    if (!collect_messages(page, decoded.level, source, base.messages)) return std::nullopt;
    return base;
  } catch (const base::Error& error) {
    const auto kind = error.kind();
    if (kind == base::ErrorKind::wrong_key || kind == base::ErrorKind::not_found ||
        kind == base::ErrorKind::corrupt || kind == base::ErrorKind::unsupported) {
      return std::nullopt;
    }
    throw;
  }
}

struct Differences {
  std::vector<EncodedNode> nodes;
  std::vector<std::string_view> removed;
  std::size_t count() const { return nodes.size() + removed.size(); }
};

Differences differences_of(const Messages& base, std::span<const EncodedNode> nodes) {
  Differences differences;
  auto old = base.begin();
  for (const auto& node : nodes) {
    for (; old != base.end() && old->first < node.name; ++old) {
      differences.removed.push_back(old->first);
    }
    const bool known = old != base.end() && old->first == node.name;
    if (!known || !std::ranges::equal(old->second, node.bytes)) differences.nodes.push_back(node);
    if (known) ++old;
  }
  for (; old != base.end(); ++old)
    differences.removed.push_back(old->first);
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
  return bytes;
}

}  // namespace

base::ChunkId write_changed_tree(std::span<const EncodedNode> nodes, const base::ChunkId& previous,
                                 ChunkSource& source, ChunkSink& sink) {
  const auto base = load_base_messages(previous, source);
  if (!base) return write_encoded_tree(nodes, sink);
  const auto differences = differences_of(base->messages, nodes);
  if (differences.count() == 0) return base->id;
  const auto allowed = std::min(differences_max, base->messages.size() / 3);
  if (differences.count() > allowed) return write_encoded_tree(nodes, sink);
  const auto page = encode_overlay(base->id, differences);
  if (page.size() > tree_page_size_max / 2) return write_encoded_tree(nodes, sink);
  return sink.store(page);
}

void merge_overlay(TreePage&& overlay, const std::function<void(const NodeVisit&)>& walk_base,
                   const NodeVisit& visit) {
  auto next = overlay.nodes.begin();
  const auto end = overlay.nodes.end();
  bool stopped = false;
  const auto visit_before = [&](std::string_view name) {
    while (!stopped && next != end && next->entry.name < name)
      stopped = !visit(std::move(*next++));
    return !stopped;
  };
  walk_base([&](Node&& node) {
    if (!visit_before(node.entry.name)) return false;
    if (next != end && next->entry.name == node.entry.name) {
      stopped = !visit(std::move(*next++));
    } else if (!std::ranges::binary_search(overlay.removed, node.entry.name)) {
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
