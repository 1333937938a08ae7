#include "repository/tree.hpp"

#include "base/error.hpp"
#include "chunk_io_testing.hpp"
#include "records_testing.hpp"
#include "tree_page.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

namespace holdfast::repository {

namespace {

using base::ErrorKind;

std::vector<Node> read_all(const base::ChunkId& tree, ChunkSource& source,
                           Lists lists = Lists::attached) {
  std::vector<Node> nodes;
  read_tree(
      tree, source,
      [&](Node&& node) {
        nodes.push_back(std::move(node));
        return true;
      },
      lists);
  return nodes;
}

std::vector<Node> many_files(std::size_t count) {
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < count; ++i) {
    nodes.push_back(file_node("file-" + std::to_string(1'000'000 + i), i + 1, 1));
  }
  return nodes;
}

RC_GTEST_PROP(Tree, ADirectoryComesBackAsItWas, ()) {
  const auto nodes = *any_directory();
  MemoryChunks chunks;
  const auto tree = write_tree(nodes, chunks);
  RC_ASSERT(read_all(tree, chunks) == nodes);
  for (const auto& node : nodes)
    RC_ASSERT(find_in_tree(tree, node.entry.name, chunks) == node);
  RC_ASSERT(!find_in_tree(tree, *any_name() + "\xff\xff\xff", chunks));
}

RC_GTEST_PROP(Tree, ANodeAloneComesBackAsItWas, ()) {
  const auto node = *any_node();
  MemoryChunks chunks;
  const auto bytes = encode_node(node, chunks);
  RC_ASSERT(decode_node(bytes, chunks) == node);
  // A shallow node written again is the same bytes: nothing of the long lists is needed for it.
  MemoryChunks none;
  RC_ASSERT(encode_node(decode_node_shallow(bytes), none) == bytes);
}

RC_GTEST_PROP(Tree, DiffTellsExactlyWhatDiffers, ()) {
  const auto before = *any_directory();
  auto after = before;
  std::map<std::string, std::pair<bool, bool>> expected;  // name: was there, is there
  for (auto& node : after) {
    if (*rc::gen::inRange(0, 8) != 0) continue;
    node.entry.mtime_nanoseconds ^= 1;
    expected[node.entry.name] = {true, true};
  }
  std::erase_if(after, [&](const Node& node) {
    if (*rc::gen::inRange(0, 8) != 0) return false;
    expected[node.entry.name] = {true, false};
    return true;
  });
  const auto name = *any_name() + "new";
  if (!std::ranges::any_of(before, [&](const Node& node) { return node.entry.name == name; })) {
    after.push_back(file_node(name, 1, 1));
    std::ranges::sort(after, {}, [](const Node& node) { return node.entry.name; });
    expected[name] = {false, true};
  }
  MemoryChunks chunks;
  std::map<std::string, std::pair<bool, bool>> found;
  diff_trees(write_tree(before, chunks), write_tree(after, chunks), chunks,
             [&](const Node* old_node, const Node* new_node) {
               const auto& node = old_node ? *old_node : *new_node;
               found[node.entry.name] = {old_node != nullptr, new_node != nullptr};
             });
  RC_ASSERT(found == expected);
}

class Encoded {
public:
  Encoded(const std::vector<Node>& nodes, MemoryChunks& chunks) {
    for (const auto& node : nodes)
      bytes_.push_back(encode_node(node, chunks));
    for (std::size_t i = 0; i < nodes.size(); ++i)
      views_.push_back({nodes[i].entry.name, bytes_[i]});
  }
  const std::vector<EncodedNode>& views() const { return views_; }

private:
  std::vector<base::Bytes> bytes_;
  std::vector<EncodedNode> views_;
};

/// `nodes` as an engine that keeps encoded nodes would write them after `previous`.
base::ChunkId write_after(const base::ChunkId& previous, const std::vector<Node>& nodes,
                          MemoryChunks& chunks) {
  const auto whole = load_root(previous, chunks).base.value_or(previous);
  const auto before_nodes = read_all(whole, chunks);
  const Encoded before(before_nodes, chunks);
  const Encoded after(nodes, chunks);
  const auto written = write_changed_tree(after.views(), {whole, before.views()}, chunks);
  EXPECT_EQ(load_root(written.id, chunks).base.value_or(written.id), written.whole);
  return written.id;
}

/// Some nodes changed, some removed, one added.
std::vector<Node> changed_at_random(const std::vector<Node>& nodes, int one_in) {
  std::vector<Node> changed;
  for (auto node : nodes) {
    const auto dice = *rc::gen::inRange(0, 2 * one_in);
    if (dice == 0) continue;
    if (dice == 1) node.entry.mtime_nanoseconds ^= 1;
    changed.push_back(std::move(node));
  }
  const auto name = *any_name() + "new";
  const auto place =
      std::ranges::lower_bound(changed, name, {}, [](const Node& node) { return node.entry.name; });
  if (place == changed.end() || place->entry.name != name)
    changed.insert(place, file_node(name, 1, 1));
  return changed;
}

using Change = std::tuple<std::string, bool, bool>;  // name, was there, is there

std::vector<Change> diff_of(const base::ChunkId& before, const base::ChunkId& after,
                            ChunkSource& chunks) {
  std::vector<Change> changes;
  diff_trees(before, after, chunks, [&](const Node* old_node, const Node* new_node) {
    const auto& node = old_node ? *old_node : *new_node;
    changes.emplace_back(node.entry.name, old_node != nullptr, new_node != nullptr);
  });
  return changes;
}

RC_GTEST_PROP(Overlay, ReadsAsTheWholeDirectoryDoes, ()) {
  const auto first = *any_directory();
  MemoryChunks chunks;
  std::vector<std::vector<Node>> contents = {first};
  std::vector<base::ChunkId> trees = {write_tree(first, chunks)};
  std::vector<base::ChunkId> whole = trees;
  for (int i = 0; i < 3; ++i) {
    contents.push_back(changed_at_random(contents.back(), 20));
    trees.push_back(write_after(trees.back(), contents.back(), chunks));
    whole.push_back(write_tree(contents.back(), chunks));
  }
  for (std::size_t i = 0; i < trees.size(); ++i) {
    RC_ASSERT(read_all(trees[i], chunks) == contents[i]);
    for (const auto& node : contents.front()) {
      const auto& name = node.entry.name;
      RC_ASSERT(find_in_tree(trees[i], name, chunks) == find_in_tree(whole[i], name, chunks));
    }
    for (std::size_t j = 0; j < trees.size(); ++j)
      RC_ASSERT(diff_of(trees[i], trees[j], chunks) == diff_of(whole[i], whole[j], chunks));
  }
}

TEST(Overlay, HoldsTheDifferencesAlone) {
  auto nodes = many_files(30);
  MemoryChunks chunks;
  const auto whole = write_tree(nodes, chunks);
  nodes[7].entry.size = 99;
  const auto changed = write_after(whole, nodes, chunks);
  EXPECT_LE(chunks.pages.at(changed).size(), 163U);
  EXPECT_TRUE(load_root(changed, chunks).base == whole);
  nodes[9].entry.size = 99;
  const auto again = write_after(changed, nodes, chunks);
  EXPECT_TRUE(load_root(again, chunks).base == whole) << "never on an overlay";
  nodes[7].entry.size = 8;
  nodes[9].entry.size = 10;
  EXPECT_EQ(write_after(again, nodes, chunks), whole) << "changed back";
}

TEST(Overlay, ShowsWhatChangedToWhoKnowsItsBase) {
  auto nodes = many_files(30);
  MemoryChunks chunks;
  const auto whole = write_tree(nodes, chunks);
  const auto replaced = nodes[7].entry.name;
  const auto removed = nodes[3].entry.name;
  nodes[7].entry.size = 99;
  nodes.erase(nodes.begin() + 3);
  const auto changed = write_after(whole, nodes, chunks);
  std::vector<std::string> seen;
  const auto read = [&](const base::ChunkId& tree, bool known) {
    seen.clear();
    std::vector<TreeBase> bases;
    read_tree(
        tree, chunks,
        [&](Node&& node) {
          seen.push_back(node.entry.name);
          return true;
        },
        Lists::detached,
        [&](TreeBase&& base) {
          bases.push_back(std::move(base));
          return known;
        });
    return bases;
  };
  const auto bases = read(changed, true);
  ASSERT_EQ(bases.size(), 1U);
  EXPECT_EQ(bases[0].tree, whole);
  EXPECT_EQ(bases[0].changed, (std::vector{removed, replaced}));
  EXPECT_EQ(seen, std::vector{replaced});
  EXPECT_EQ(read(changed, false).size(), 1U);
  EXPECT_EQ(seen.size(), nodes.size());
  EXPECT_TRUE(read(whole, true).empty());
  EXPECT_EQ(seen.size(), 30U);
}

TEST(Overlay, GivesWayWhenMuchDiffers) {
  auto nodes = many_files(30);
  MemoryChunks chunks;
  const auto whole = write_tree(nodes, chunks);
  for (std::size_t i = 0; i < 11; ++i)
    nodes[i].entry.size = 99;
  EXPECT_EQ(write_after(whole, nodes, chunks), write_tree(nodes, chunks));
  const auto few = many_files(2);
  EXPECT_EQ(write_after(whole, few, chunks), write_tree(few, chunks));
}

TEST(Overlay, NamesItsBaseToo) {
  auto nodes = many_files(100);
  MemoryChunks chunks;
  const auto whole = write_tree(nodes, chunks);
  nodes[7].entry.size = 99;
  const auto changed = write_after(whole, nodes, chunks);
  std::set<base::ChunkId> named;
  for_each_tree_page(changed, chunks, [&](const base::ChunkId& id) { named.insert(id); });
  EXPECT_EQ(named.size(), chunks.pages.size());
}

TEST(Overlay, HostileOnesAreCorrupt) {
  MemoryChunks chunks;
  const auto named = [](const std::string& name) { return file_node(name, 1, 1); };
  const auto whole = chunks.store(encode_tree_page({0, {named("a")}, {}}));
  const auto corrupt = [&](const TreePage& page) {
    const auto id = chunks.store(encode_tree_page(page));
    return kind_of_failure([&] { read_all(id, chunks); }) == ErrorKind::corrupt;
  };
  const auto overlay = chunks.store(encode_tree_page({0, {named("b")}, {}, whole, {}}));
  EXPECT_EQ(read_all(overlay, chunks).size(), 2U);
  EXPECT_TRUE(corrupt({0, {named("b")}, {}, overlay, {}})) << "on an overlay";
  EXPECT_TRUE(corrupt({0, {}, {}, whole, {}})) << "of nothing";
  EXPECT_TRUE(corrupt({0, {named("b")}, {}, {}, {"a"}})) << "without base";
  EXPECT_TRUE(corrupt({0, {named("b")}, {}, whole, {"b"}, {0}})) << "there and gone";
  EXPECT_TRUE(corrupt({0, {}, {}, whole, {"b", "a"}, {0, 1}})) << "unsorted";
  EXPECT_TRUE(corrupt({0, {}, {}, whole, {".."}, {0}})) << "not a name";
  const auto replacing = chunks.store(encode_tree_page({0, {named("a")}, {}, whole, {}, {0}}));
  EXPECT_EQ(read_all(replacing, chunks).size(), 1U);
  EXPECT_TRUE(corrupt({0, {named("b")}, {}, whole, {}, {0}})) << "supersedes what is still seen";
  EXPECT_TRUE(corrupt({0, {named("a")}, {}, whole, {}, {}})) << "supersedes less than it replaces";
  EXPECT_TRUE(corrupt({0, {named("b")}, {}, {}, {}, {0}})) << "supersedes without a base";
  EXPECT_TRUE(corrupt({0, {named("b")}, {}, whole, {}, {1, 2}})) << "supersedes too much";
  EXPECT_TRUE(corrupt({1, {}, {{"b", overlay, 1}}})) << "below the root";
}

TEST(Tree, AnEmptyDirectoryIsOnePage) {
  MemoryChunks chunks;
  const auto tree = write_tree({}, chunks);
  EXPECT_EQ(chunks.pages.size(), 1U);
  EXPECT_FALSE(chunks.pages.at(tree).empty());
  EXPECT_TRUE(read_all(tree, chunks).empty());
  EXPECT_FALSE(find_in_tree(tree, "a", chunks));
}

TEST(Tree, ReadingStopsWhenAsked) {
  MemoryChunks chunks;
  const auto tree = write_tree(many_files(1000), chunks);
  int seen = 0;
  read_tree(tree, chunks, [&](Node&&) { return ++seen < 3; });
  EXPECT_EQ(seen, 3);
}

TEST(Tree, OneChangeInALargeDirectoryRewritesTheWayUpAndNoMore) {
  auto nodes = many_files(100'000);
  MemoryChunks chunks;
  const auto before = write_tree(nodes, chunks);
  const auto pages_before = chunks.pages.size();
  nodes[50'000].chunks = {numbered_id<base::ChunkId>(99)};
  nodes.insert(nodes.begin() + 70'000, file_node("file-1069999x", 1, 1));
  const auto after = write_tree(nodes, chunks);
  std::size_t bytes_before = 0;
  for (const auto& [id, page] : chunks.pages)
    bytes_before += page.size();
  EXPECT_LE(chunks.pages.size() - pages_before, 14U);

  chunks.loaded.clear();
  std::vector<std::string> changed;
  diff_trees(before, after, chunks, [&](const Node* old_node, const Node* new_node) {
    changed.push_back((old_node ? old_node : new_node)->entry.name);
  });
  EXPECT_EQ(changed, (std::vector<std::string>{"file-1050000", "file-1069999x"}));
  EXPECT_LE(chunks.loaded.size(), 40U);
}

TEST(Tree, FindingOneNameReadsOnePageALevel) {
  MemoryChunks chunks;
  const auto tree = write_tree(many_files(100'000), chunks);
  chunks.loaded.clear();
  EXPECT_TRUE(find_in_tree(tree, "file-1077777", chunks));
  EXPECT_LE(chunks.loaded.size(), 6U);
}

TEST(Tree, EveryPageIsNamed) {
  auto nodes = many_files(2000);
  nodes[5].chunks.assign(20'000, {});
  for (std::size_t i = 0; i < nodes[5].chunks.size(); ++i) {
    nodes[5].chunks[i] = numbered_id<base::ChunkId>(i * 2654435761U);
  }
  MemoryChunks chunks;
  const auto tree = write_tree(nodes, chunks);
  std::set<base::ChunkId> named;
  for_each_tree_page(tree, chunks, [&](const base::ChunkId& id) { named.insert(id); });
  std::set<base::ChunkId> stored;
  for (const auto& [id, page] : chunks.pages)
    stored.insert(id);
  EXPECT_EQ(named, stored);
}

TEST(Tree, AnAppendToAVeryLongFileRewritesLittle) {
  auto node = file_node("disk.img", 1, 0);
  for (std::uint64_t i = 0; i < 1'000'000; ++i) {
    node.chunks.push_back(numbered_id<base::ChunkId>(i * 0x9E3779B97F4A7C15ULL));
  }
  MemoryChunks chunks;
  EXPECT_LE(encode_node(node, chunks).size(), 200U);
  const auto pages_before = chunks.pages;
  node.chunks.push_back(numbered_id<base::ChunkId>(42));
  node.chunks.insert(node.chunks.begin() + 1000, numbered_id<base::ChunkId>(43));
  const auto bytes = encode_node(node, chunks);
  std::size_t size = 0;
  for (const auto& [id, page] : chunks.pages)
    size += pages_before.contains(id) ? 0 : page.size();
  EXPECT_LE(size, 160'000U);
  EXPECT_EQ(decode_node(bytes, chunks), node);
  EXPECT_TRUE(decode_node_shallow(bytes).chunks.empty());
  EXPECT_EQ(decode_node_shallow(bytes).chunk_list->count, node.chunks.size());
}

TEST(Tree, WhatCannotBeStoredIsRefused) {
  MemoryChunks chunks;
  const auto refused = [&](const std::vector<Node>& nodes) {
    return kind_of_failure([&] { write_tree(nodes, chunks); }) == ErrorKind::invalid_input;
  };
  const auto named = [](std::string_view name) { return file_node(std::string(name), 1, 1); };
  EXPECT_TRUE(refused({named("b"), named("a")}));
  EXPECT_TRUE(refused({named("a"), named("a")}));
  for (const std::string_view name : {"", ".", "..", "a/b", "/"})
    EXPECT_TRUE(refused({named(name)}));
  EXPECT_TRUE(refused({named(std::string_view("a\0b", 3))}));
  EXPECT_TRUE(refused({named(std::string(5000, 'x'))}));
  auto directory_with_chunks = named("d");
  directory_with_chunks.entry.kind = sources::EntryKind::directory;
  EXPECT_TRUE(refused({directory_with_chunks}));
  auto hole_behind = named("h");
  hole_behind.entry.holes = {{0, 2}};
  EXPECT_TRUE(refused({hole_behind}));
}

TEST(Tree, HostilePagesAreCorrupt) {
  MemoryChunks chunks;
  const auto corrupt = [&](const TreePage& page) {
    const auto bytes = encode_tree_page(page);
    return kind_of_failure([&] { decode_tree_page(bytes); }) == ErrorKind::corrupt;
  };
  const auto named = [](const std::string& name) { return file_node(name, 1, 1); };
  for (const auto* name : {"..", ".", "", "a/b", "/etc"})
    EXPECT_TRUE(corrupt({0, {named(name)}, {}}));
  EXPECT_TRUE(corrupt({0, {named("b"), named("a")}, {}})) << "unsorted";
  EXPECT_TRUE(corrupt({0, {named("a"), named("a")}, {}})) << "twice";
  const TreeChild child{"a", chunks.store({}), 1};
  EXPECT_TRUE(corrupt({0, {named("a")}, {child}})) << "entries and pages";
  EXPECT_TRUE(corrupt({1, {named("a")}, {child}})) << "entries above level 0";
  EXPECT_TRUE(corrupt({1, {}, {}})) << "nothing below";
  EXPECT_TRUE(corrupt({1, {}, {{"a", child.page, 0}}})) << "an empty page below";
  EXPECT_TRUE(corrupt({25, {}, {child}})) << "too many levels";
  EXPECT_TRUE(corrupt({1, {}, {{"b", child.page, 1}, {"a", child.page, 1}}})) << "unsorted pages";
}

TEST(Tree, PagesThatDoNotFitTogetherAreCorrupt) {
  MemoryChunks chunks;
  const auto leaf = [&](const std::string& name) {
    return chunks.store(encode_tree_page({0, {file_node(name, 1, 1)}, {}}));
  };
  const auto reading = [&](std::vector<TreeChild> children) {
    const auto root = chunks.store(encode_tree_page({1, {}, std::move(children)}));
    return kind_of_failure([&] { read_all(root, chunks); });
  };
  EXPECT_EQ(reading({{"b", leaf("a"), 1}}), ErrorKind::corrupt) << "another first name";
  EXPECT_EQ(reading({{"a", leaf("a"), 2}}), ErrorKind::corrupt) << "another count";
  const auto two =
      chunks.store(encode_tree_page({0, {file_node("a", 1, 1), file_node("m", 1, 1)}, {}}));
  EXPECT_EQ(reading({{"a", two, 2}, {"c", leaf("c"), 1}}), ErrorKind::corrupt) << "overlap";
  const auto inner = chunks.store(encode_tree_page({1, {}, {{"a", leaf("a"), 1}}}));
  EXPECT_EQ(reading({{"a", inner, 1}}), ErrorKind::corrupt) << "level 1 under level 1";
  EXPECT_EQ(reading({{"a", numbered_id<base::ChunkId>(1), 1}}), ErrorKind::not_found);
}

TEST(Tree, AbsurdListsAreCorrupt) {
  MemoryChunks chunks;
  auto node = file_node("a", 1, 200);
  detach_lists(node, chunks);
  const auto attaching = [&](std::uint64_t count) {
    auto changed = node;
    changed.chunk_list->count = count;
    return kind_of_failure([&] { attach_lists(changed, chunks); });
  };
  EXPECT_EQ(attaching(199), ErrorKind::corrupt);
  EXPECT_EQ(attaching(201), ErrorKind::corrupt);
  EXPECT_EQ(attaching(std::uint64_t{1} << 60), ErrorKind::corrupt);
}

TEST(Tree, DamagedPagesNeverDecodeToSomethingDangerous) {
  MemoryChunks chunks;
  Node link;
  link.entry.kind = sources::EntryKind::symlink;
  link.entry.name = "z";
  link.entry.link_target = "/etc/passwd";
  const auto page = encode_tree_page({0, {golden_node(), link}, {}});
  attack(page, [](base::ByteView bytes) {
    for (const auto& node : decode_tree_page(bytes).nodes)
      check_component(node.entry.name);
  });
  attack(encode_tree_page({0, {golden_node()}, {}, chunks.store({}), {"gone", "lost"}}),
         [](base::ByteView bytes) { decode_tree_page(bytes); });
  const auto index =
      encode_tree_page({1, {}, {{"a", chunks.store({}), 3}, {"b", chunks.store({}), 4}}});
  attack(index, [](base::ByteView bytes) { decode_tree_page(bytes); });
}

}  // namespace

}  // namespace holdfast::repository
