#include "whole_tree.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"

#include <algorithm>

namespace holdfast::backup {

namespace {

using repository::EncodedNode;

std::vector<EncodedNode> nodes_of(const CachedDirectory& directory) {
  std::vector<EncodedNode> nodes;
  nodes.reserve(directory.count());
  for (std::size_t i = 0; i < directory.count(); ++i)
    nodes.push_back({repository::name_of_encoded(directory.node(i)), directory.node(i)});
  return nodes;
}

base::ByteView take_blob(base::ByteReader& reader) {
  return reader.take_bytes(static_cast<std::size_t>(reader.take_varint()));
}

/// `nodes` with the differences of `overlay` undone.
RememberedTree go_back(const std::vector<EncodedNode>& nodes, base::ByteView overlay) {
  base::ByteReader reader(overlay, "file cache");
  RememberedTree tree{base::ChunkId::from_bytes(reader.take_bytes(32)), {}};
  auto next = nodes.begin();
  while (reader.left() > 0) {
    const auto name = base::as_text(take_blob(reader));
    const auto bytes = take_blob(reader);
    while (next != nodes.end() && next->name < name)
      tree.nodes.push_back(*next++);
    if (next != nodes.end() && next->name == name) ++next;
    if (!bytes.empty()) tree.nodes.push_back({name, bytes});
  }
  tree.nodes.insert(tree.nodes.end(), next, nodes.end());
  return tree;
}

void put_blob(base::Bytes& to, base::ByteView bytes) {
  base::put_varint(to, bytes.size());
  base::append(to, bytes);
}

}  // namespace

std::optional<RememberedTree> whole_tree_of(const CachedDirectory& directory) {
  if (directory.count() > repository::compared_nodes_max) return std::nullopt;
  try {
    auto nodes = nodes_of(directory);
    if (directory.overlay().empty()) return RememberedTree{directory.tree(), std::move(nodes)};
    return go_back(nodes, directory.overlay());
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::corrupt) throw;
    return std::nullopt;
  }
}

base::Bytes encode_way_back(std::span<const EncodedNode> nodes, const RememberedTree& before) {
  auto bytes = base::copy_of(before.id.view());
  auto next = nodes.begin();
  const auto add = [&](std::string_view name, base::ByteView node) {
    put_blob(bytes, base::as_bytes(name));
    put_blob(bytes, node);
  };
  for (const auto& old : before.nodes) {
    for (; next != nodes.end() && next->name < old.name; ++next)
      add(next->name, {});
    const bool kept = next != nodes.end() && next->name == old.name;
    if (!kept || !std::ranges::equal(next->bytes, old.bytes)) add(old.name, old.bytes);
    if (kept) ++next;
  }
  for (; next != nodes.end(); ++next)
    add(next->name, {});
  return bytes;
}

}  // namespace holdfast::backup
