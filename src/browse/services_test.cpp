// Listing, diff, find and content over trees in memory.
#include "base/error.hpp"
#include "browse/content.hpp"
#include "browse/diff.hpp"
#include "browse/find.hpp"
#include "browse/history.hpp"
#include "browse/listing.hpp"
#include "crypto/blake3.hpp"
#include "repository/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>

namespace holdfast::browse {
namespace {

using repository::Node;
using sources::EntryKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MemoryChunks final : public repository::ChunkSink, public repository::ChunkSource {
public:
  base::ChunkId store(base::ByteView bytes) override {
    const auto id = base::ChunkId::from_bytes(crypto::blake3(bytes).view());
    chunks_[id] = base::copy_of(bytes);
    return id;
  }
  base::Bytes load(const base::ChunkId& id) override {
    ++loads;
    return chunks_.at(id);
  }
  int loads = 0;

private:
  std::map<base::ChunkId, base::Bytes> chunks_;
};

/// Files by absolute path; directories come from the paths.
using Files = std::map<std::string, std::string>;

Node make_file(const std::string& name, const std::string& content, MemoryChunks& chunks) {
  Node node;
  node.entry.name = name;
  node.entry.size = content.size();
  if (!content.empty()) node.chunks.push_back(chunks.store(base::as_bytes(content)));
  return node;
}

/// The directory whose files are those of `files` below `prefix`, which ends in '/'.
Node make_directory(const std::string& name, const Files& files, const std::string& prefix,
                    MemoryChunks& chunks) {
  std::map<std::string, Node> nodes;
  for (const auto& [path, content] : files) {
    if (!path.starts_with(prefix)) continue;
    const auto rest = path.substr(prefix.size());
    const auto component = rest.substr(0, rest.find('/'));
    if (nodes.contains(component)) continue;
    nodes[component] = component == rest
                           ? make_file(component, content, chunks)
                           : make_directory(component, files, prefix + component + "/", chunks);
  }
  std::vector<Node> list;
  for (auto& [key, node] : nodes)
    list.push_back(std::move(node));
  Node directory;
  directory.entry.name = name;
  directory.entry.kind = EntryKind::directory;
  directory.tree = repository::write_tree(list, chunks);
  return directory;
}

repository::Snapshot snapshot_of(const Files& files, MemoryChunks& chunks) {
  repository::Snapshot snapshot;
  repository::SnapshotItem item;
  item.path = "/srv";
  item.root = make_directory("srv", files, "/srv/", chunks);
  snapshot.items.push_back(std::move(item));
  return snapshot;
}

std::set<std::string> changes(const repository::Snapshot& before, const repository::Snapshot& after,
                              MemoryChunks& chunks) {
  const SnapshotView first(before);
  const SnapshotView second(after);
  std::set<std::string> found;
  diff({first, first.root()}, {second, second.root()}, "/", chunks, [&](const Change& change) {
    const auto* node = change.after != nullptr ? change.after : change.before;
    if (node->entry.kind != EntryKind::file) return;
    found.insert(std::string(name_of(change.kind)) + " " + change.path);
  });
  return found;
}

TEST(Diff, NamesWhatChanged) {
  MemoryChunks chunks;
  const auto before = snapshot_of({{"/srv/a", "1"}, {"/srv/d/b", "2"}, {"/srv/x", ""}}, chunks);
  auto after = snapshot_of({{"/srv/a", "other"}, {"/srv/d/b", "2"}, {"/srv/n/c", "3"}}, chunks);
  EXPECT_THAT(changes(before, after, chunks),
              ElementsAre("added /srv/n/c", "content /srv/a", "removed /srv/x"));
}

TEST(Diff, SharedDirectoriesAreNotRead) {
  MemoryChunks chunks;
  const auto snapshot = snapshot_of({{"/srv/a/b/c", "1"}}, chunks);
  chunks.loads = 0;
  EXPECT_THAT(changes(snapshot, snapshot, chunks), IsEmpty());
  EXPECT_EQ(chunks.loads, 0);
}

TEST(Diff, SharedPagesOfLargeDirectoriesAreNotRead) {
  MemoryChunks chunks;
  Files files;
  for (int i = 0; i < 5000; ++i)
    files["/srv/d/" + std::to_string(i)] = "x";
  const auto before = snapshot_of(files, chunks);
  files["/srv/d/2500"] = "changed";
  const auto after = snapshot_of(files, chunks);
  chunks.loads = 0;
  EXPECT_THAT(changes(before, after, chunks), ElementsAre("content /srv/d/2500"));
  EXPECT_LT(chunks.loads, 20);
}

TEST(Diff, LongListsOfChunksAreContent) {
  MemoryChunks chunks;
  const auto snapshot_with = [&](const std::string& first) {
    auto node = make_file("a", first, chunks);
    for (int i = 0; i < 200; ++i)
      node.chunks.push_back(chunks.store(base::as_bytes(std::to_string(i))));
    auto snapshot = snapshot_of({{"/srv/a", ""}}, chunks);
    snapshot.items[0].root.tree = repository::write_tree({&node, 1}, chunks);
    return snapshot;
  };
  EXPECT_THAT(changes(snapshot_with("1"), snapshot_with("2"), chunks),
              ElementsAre("content /srv/a"));
}

TEST(History, SaysWhenAPathChanged) {
  MemoryChunks chunks;
  const std::vector<repository::Snapshot> snapshots = {
      snapshot_of({{"/srv/b", ""}}, chunks),
      snapshot_of({{"/srv/a", "1"}}, chunks),
      snapshot_of({{"/srv/a", "1"}, {"/srv/b", "2"}}, chunks),
      snapshot_of({{"/srv/a", "22"}}, chunks),
      snapshot_of({{"/srv/b", "2"}}, chunks),
      snapshot_of({{"/srv/a/in", "1"}}, chunks)};
  std::vector<const repository::Snapshot*> all;
  for (const auto& snapshot : snapshots)
    all.push_back(&snapshot);
  const auto versions = history_of("/srv/a", all, chunks);
  std::vector<std::string> told;
  for (const auto& version : versions) {
    told.push_back(std::string(name_of(version.change)) + " " +
                   std::to_string(version.first - snapshots.data()) + "-" +
                   std::to_string(version.last - snapshots.data()) + " " +
                   (version.node ? std::to_string(version.node->entry.size) : "gone"));
  }
  EXPECT_THAT(told, ElementsAre("added 1-2 1", "content 3-3 2", "removed 4-4 gone", "added 5-5 0"));
  EXPECT_EQ(versions[0].snapshots, 2U);
  EXPECT_THAT(history_of("/srv/nothing", all, chunks), IsEmpty());
  EXPECT_THROW(history_of("relative", all, chunks), base::Error);
}

TEST(Diff, ATypeAndMetadataAreChangesOfTheirOwn) {
  MemoryChunks chunks;
  const auto before = snapshot_of({{"/srv/a", "1"}}, chunks);
  auto changed = before;
  auto node = make_file("a", "1", chunks);
  node.entry.mode = 0600;
  changed.items[0].root.tree = repository::write_tree({&node, 1}, chunks);
  EXPECT_THAT(changes(before, changed, chunks), ElementsAre("metadata /srv/a"));
  const auto directory = snapshot_of({{"/srv/a/in", "1"}}, chunks);
  EXPECT_THAT(changes(directory, before, chunks), ElementsAre("removed /srv/a/in", "type /srv/a"));
}

Files any_files() {
  const auto component = rc::gen::element<std::string>("a", "b", "c.txt");
  const auto path =
      rc::gen::map(rc::gen::resize(4, rc::gen::container<std::vector<std::string>>(component)),
                   [](const std::vector<std::string>& components) {
                     std::string joined = "/srv";
                     for (const auto& one : components)
                       joined += "/d" + one;
                     return joined + "/file";
                   });
  const auto content = rc::gen::element<std::string>("", "1", "2", "33");
  return *rc::gen::container<Files>(path, content);
}

RC_GTEST_PROP(DiffProperty, EqualsTheDifferenceOfTheFiles, ()) {
  MemoryChunks chunks;
  const auto before = any_files();
  const auto after = any_files();
  std::set<std::string> expected;
  for (const auto& [path, content] : before) {
    if (!after.contains(path))
      expected.insert("removed " + path);
    else if (after.at(path) != content)
      expected.insert("content " + path);
  }
  for (const auto& [path, content] : after) {
    if (!before.contains(path)) expected.insert("added " + path);
  }
  RC_ASSERT(changes(snapshot_of(before, chunks), snapshot_of(after, chunks), chunks) == expected);
}

RC_GTEST_PROP(ListingProperty, ListsEveryFileOnceInOrder, ()) {
  MemoryChunks chunks;
  const auto files = any_files();
  const auto snapshot = snapshot_of(files, chunks);
  const SnapshotView view(snapshot);
  std::vector<std::string> listed;
  list_below(view, view.root(), "/", chunks, [&](const std::string& path, const Place& place) {
    if (place.node.entry.kind == EntryKind::file) listed.push_back(path);
    return Descend::yes;
  });
  RC_ASSERT(std::set(listed.begin(), listed.end()).size() == listed.size());
  RC_ASSERT(listed.size() == files.size());
  for (const auto& path : listed)
    RC_ASSERT(files.contains(path));
}

TEST(Listing, LocateNamesTheLongestPartThatExists) {
  MemoryChunks chunks;
  const auto snapshot = snapshot_of({{"/srv/d/b", "2"}}, chunks);
  const SnapshotView view(snapshot);
  EXPECT_EQ(locate(view, "/srv/d/b", chunks).node.entry.size, 1U);
  try {
    locate(view, "/srv/d/x/y", chunks);
    FAIL() << "found";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::not_found);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("/srv/d has no x"));
  }
}

TEST(Find, ReadsUnchangedDirectoriesOnce) {
  MemoryChunks chunks;
  const Files files{{"/srv/a/x.env", "1"}, {"/srv/b/c/x.env", "2"}, {"/srv/b/c/y", "3"}};
  const auto first = snapshot_of(files, chunks);
  Finder finder(chunks, [](const std::string&, const sources::Entry& entry) {
    return entry.name.ends_with(".env");
  });
  const auto found = finder.find_in(first);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1]->path, "/srv/b/c/x.env");
  chunks.loads = 0;
  EXPECT_EQ(finder.find_in(first), found);
  EXPECT_EQ(chunks.loads, 0);
  auto more = files;
  more["/srv/a/z.env"] = "4";
  EXPECT_EQ(finder.find_in(snapshot_of(more, chunks)).size(), 3U);
}

/// Snapshots of one directory of directories, each stored as its differences from earlier ones
/// where a backup would do so.
class OverlaidHistory {
public:
  explicit OverlaidHistory(MemoryChunks& chunks) : chunks_(chunks) {}

  repository::Snapshot snapshot_of(const Files& files) {
    std::map<std::string, std::vector<Node>> folders;
    for (const auto& [path, content] : files) {
      const auto slash = path.rfind('/');
      folders[path.substr(0, slash)].push_back(make_file(path.substr(slash + 1), content, chunks_));
    }
    std::vector<Node> above;
    for (const auto& [path, nodes] : folders)
      above.push_back(directory(path.substr(path.rfind('/') + 1), path, nodes));
    repository::Snapshot snapshot;
    repository::SnapshotItem item;
    item.path = "/srv";
    item.root = directory("srv", "/srv", above);
    snapshot.items.push_back(std::move(item));
    return snapshot;
  }

private:
  struct Whole {
    base::ChunkId id;
    std::vector<Node> nodes;
  };

  Node directory(const std::string& name, const std::string& path, const std::vector<Node>& nodes) {
    auto& whole = wholes_[path];
    std::vector<base::Bytes> bytes;
    const auto encoded = encode(nodes, bytes);
    const auto before = encode(whole.nodes, bytes);
    const auto changed = repository::write_changed_tree(encoded, {whole.id, before}, chunks_);
    if (changed.id == changed.whole) whole = {changed.id, nodes};
    Node node;
    node.entry.name = name;
    node.entry.kind = EntryKind::directory;
    node.tree = changed.id;
    return node;
  }

  std::vector<repository::EncodedNode> encode(const std::vector<Node>& nodes,
                                              std::vector<base::Bytes>& bytes) {
    std::vector<repository::EncodedNode> encoded;
    for (const auto& node : nodes) {
      bytes.push_back(repository::encode_node(node, chunks_));
      encoded.push_back({node.entry.name, bytes.back()});
    }
    return encoded;
  }

  MemoryChunks& chunks_;
  std::map<std::string, Whole> wholes_;
};

Files many_files() {
  Files files;
  for (char folder = 'a'; folder <= 'l'; ++folder) {
    for (char name = 'a'; name <= 'l'; ++name)
      files[std::string("/srv/") + folder + "/" + name] = "1";
  }
  return files;
}

std::vector<std::string> found_in(Finder& finder, const repository::Snapshot& snapshot) {
  std::vector<std::string> found;
  for (const auto& match : finder.find_in(snapshot))
    found.push_back(match->path + " " + std::to_string(match->entry.size));
  return found;
}

/// By looking at everything: files whose name is of the first half of the alphabet.
bool is_early(const std::string&, const sources::Entry& entry) {
  return entry.kind == EntryKind::file && entry.name < "g";
}

std::vector<std::string> early_ones(const Files& files) {
  std::vector<std::string> found;
  for (const auto& [path, content] : files) {
    if (path.substr(path.rfind('/') + 1) < "g")
      found.push_back(path + " " + std::to_string(content.size()));
  }
  return found;
}

RC_GTEST_PROP(Find, SeesWhatDifferencesSay, ()) {
  MemoryChunks chunks;
  OverlaidHistory history(chunks);
  auto files = many_files();
  // Where the first snapshots are not looked at, the trees that others stand on are never seen
  // whole.
  const auto skipped = *rc::gen::inRange(0, 4);
  Finder finder(chunks, is_early);
  for (int turn = 0; turn < 20; ++turn) {
    const auto snapshot = history.snapshot_of(files);
    if (turn >= skipped) RC_ASSERT(found_in(finder, snapshot) == early_ones(files));
    for (auto changes = *rc::gen::inRange(0, 6); changes > 0; --changes) {
      const auto letter = rc::gen::inRange('a', 'n');
      const auto path = std::string("/srv/") + *letter + "/" + *letter;
      const auto size = *rc::gen::inRange(0U, 3U);
      if (size == 0) {
        files.erase(path);
      } else {
        files[path] = std::string(size, '2');
      }
    }
  }
}

TEST(Find, ReadsOnlyWhatDiffers) {
  MemoryChunks chunks;
  OverlaidHistory history(chunks);
  auto files = many_files();
  const auto first = history.snapshot_of(files);
  files["/srv/c/b"] = "22";
  const auto second = history.snapshot_of(files);
  Finder finder(chunks, is_early);
  finder.find_in(first);
  chunks.loads = 0;
  EXPECT_EQ(found_in(finder, second), early_ones(files));
  EXPECT_EQ(chunks.loads, 2) << "the differences of /srv and of /srv/c";
}

std::string content_of(const Node& node, MemoryChunks& chunks) {
  std::string text;
  read_content(node, chunks, [&](base::ByteView bytes) { text += base::as_text(bytes); });
  return text;
}

TEST(Content, HolesAreZeros) {
  MemoryChunks chunks;
  auto node = make_file("f", "abcdef", chunks);
  node.entry.size = 12;
  node.entry.holes = {{0, 2}, {4, 3}, {11, 1}};
  EXPECT_EQ(content_of(node, chunks), std::string("\0\0ab\0\0\0cdef\0", 12));
  Node hollow;
  hollow.entry.size = 200'000;
  hollow.entry.holes = {{0, 200'000}};
  EXPECT_EQ(content_of(hollow, chunks), std::string(200'000, '\0'));
}

TEST(Content, OfAnotherLengthThanTheEntrySaysIsCorrupt) {
  MemoryChunks chunks;
  auto node = make_file("f", "abc", chunks);
  for (const std::uint64_t size : {0, 2, 4}) {
    node.entry.size = size;
    EXPECT_THROW(content_of(node, chunks), base::Error) << size;
  }
  node.entry.size = 5;
  node.entry.holes = {{9, 2}};
  EXPECT_THROW(content_of(node, chunks), base::Error);
}

}  // namespace
}  // namespace holdfast::browse
