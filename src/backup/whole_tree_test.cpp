#include "whole_tree.hpp"

#include "base/random.hpp"
#include "base/temporary_directory.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace holdfast::backup {
namespace {

class NoPages final : public repository::ChunkSink {
public:
  base::ChunkId store(base::ByteView) override { return {}; }
};

using Sizes = std::map<std::string, std::uint64_t>;

/// Encoded nodes of files of these sizes.
class Directory {
public:
  explicit Directory(const Sizes& sizes) {
    NoPages sink;
    for (const auto& [name, size] : sizes) {
      repository::Node node;
      node.entry.name = name;
      node.entry.size = size;
      bytes_.emplace_back(name, repository::encode_node(node, sink));
    }
    for (const auto& [name, bytes] : bytes_) {
      nodes.push_back({name, bytes});
      entries.push_back({1, 2, 0, bytes});
    }
  }
  std::vector<repository::EncodedNode> nodes;
  std::vector<CacheEntry> entries;

private:
  std::vector<std::pair<std::string, base::Bytes>> bytes_;
};

Sizes sizes_of(const std::vector<repository::EncodedNode>& nodes) {
  Sizes sizes;
  for (const auto& node : nodes) {
    const auto decoded = repository::decode_node_shallow(node.bytes);
    RC_ASSERT(decoded.entry.name == node.name);
    sizes[decoded.entry.name] = decoded.entry.size;
  }
  RC_ASSERT(sizes.size() == nodes.size());
  return sizes;
}

rc::Gen<Sizes> any_sizes() {
  return rc::gen::exec([] {
    Sizes sizes;
    for (int i = 0; i < 12; ++i) {
      const auto size = *rc::gen::inRange<std::uint64_t>(0, 4);
      if (size > 0) sizes["name" + std::to_string(i)] = size;
    }
    return sizes;
  });
}

RC_GTEST_PROP(WholeTree, ComesBackFromTheCache, ()) {
  const auto before_sizes = *any_sizes();
  const Directory before(before_sizes);
  const Directory after(*any_sizes());
  base::SeededRandom random(3);
  const RememberedTree whole{random.id<base::ChunkId>(), before.nodes};
  const auto overlay = encode_way_back(after.nodes, whole);

  const base::TemporaryDirectory directory;
  std::uint64_t record = 0;
  {
    FileCache cache(directory.path(), "site");
    record = cache.add_directory(random.id<base::ChunkId>(), after.entries, overlay);
    cache.commit(random.id<base::SnapshotId>());
  }
  const FileCache cache(directory.path(), "site");
  const auto found = cache.directory(record);
  RC_ASSERT(found.has_value());
  const auto again = whole_tree_of(*found);
  RC_ASSERT(again.has_value());
  RC_ASSERT(again->id == whole.id);
  RC_ASSERT(sizes_of(again->nodes) == before_sizes);
}

TEST(WholeTree, IsTheDirectoryItselfWhenItWasWrittenWhole) {
  const base::TemporaryDirectory directory;
  base::SeededRandom random(3);
  const Directory content({{"a", 1}, {"b", 2}});
  const auto tree = random.id<base::ChunkId>();
  std::uint64_t record = 0;
  {
    FileCache cache(directory.path(), "site");
    record = cache.add_directory(tree, content.entries);
    cache.commit(random.id<base::SnapshotId>());
  }
  const FileCache cache(directory.path(), "site");
  const auto whole = whole_tree_of(cache.directory(record).value());
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->id, tree);
  ASSERT_EQ(whole->nodes.size(), 2U);
  EXPECT_EQ(whole->nodes[1].name, "b");
}

}  // namespace
}  // namespace holdfast::backup
