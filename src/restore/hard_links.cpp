#include "hard_links.hpp"

#include "browse/hard_links.hpp"

namespace holdfast::restore {

HardLinks::Membership HardLinks::join(const repository::Node& node,
                                      const repository::SnapshotItem* item,
                                      const DirectoryRef& directory) {
  if (node.entry.hard_link == 0) return {};
  const auto content = browse::content_identity(node);
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
