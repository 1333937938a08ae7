#include "hard_links.hpp"

#include "base/bytes.hpp"
#include "base/little_endian.hpp"
#include "crypto/blake3.hpp"

namespace holdfast::restore {

namespace {

/// What must be equal in all names of one file.
base::Hash content_of(const repository::Node& node) {
  crypto::Blake3 hash;
  base::Bytes fixed;
  base::put_le<std::uint64_t>(fixed, node.entry.size);
  for (const auto& hole : node.entry.holes) {
    base::put_le<std::uint64_t>(fixed, hole.offset);
    base::put_le<std::uint64_t>(fixed, hole.length);
  }
  hash.update(fixed);
  if (node.paged) hash.update(node.paged->map_root.view());
  for (const auto& chunk : node.chunks)
    hash.update(chunk.view());
  return hash.finish();
}

}  // namespace

HardLinks::Membership HardLinks::join(const repository::Node& node,
                                      const repository::SnapshotItem* item,
                                      const DirectoryRef& directory) {
  if (node.entry.hard_link == 0) return {};
  const auto content = content_of(node);
  const auto [at, added] = groups_.try_emplace({item, node.entry.hard_link}, nullptr);
  if (!added && at->second->content == content) return {at->second, false};
  auto& group = owned_.emplace_back();
  group.directory = directory;
  group.name = node.entry.name;
  group.content = content;
  at->second = &group;
  return {&group, true};
}

}  // namespace holdfast::restore
